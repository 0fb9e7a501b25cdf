/** Access by the host's own login: a function says who sends a request, and what that person may do. */
import type { Context } from 'hono'
import { NAME, NAME_RULE } from '../../core/address.ts'
import { systemClock } from '../../core/clock.ts'
import type { Hub } from '../../hub/hub.ts'
import { type Access, createAuthorizer } from './authorizer.ts'
import { unauthenticated } from './errors.ts'
import type { Permissions, Scope } from './permissions.ts'

/** What the sender of a request may do. Whatever is left out is not allowed. */
export interface LoginGrant {
  /** The client that it may listen as. */
  readonly client?: string | undefined
  /** The topics that it may follow; `*` for all. */
  readonly topics?: Scope | undefined
  /** Where it may publish: a list of `everyone`, `client:ID` and `topic:NAME`, with `*` for any id or name; or `*`. */
  readonly publish?: Scope | undefined
  /** Whether it may list and disconnect clients, and read metrics. */
  readonly operate?: boolean | undefined
  /** When all of this ends, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/** Returns the grant of a request, by the login of the host. `undefined`: nobody is logged in, 401. */
// biome-ignore lint/suspicious/noExplicitAny: the variables of the context are those of the host.
export type Login = (c: Context<any>) => LoginGrant | undefined | Promise<LoginGrant | undefined>

/** Creates access control by the login of the host. */
export function createLoginAccess(hub: Hub, login: Login): Access {
  return createAuthorizer({ hub, clock: systemClock, permissionsOf })

  async function permissionsOf(c: Context): Promise<Permissions> {
    const grant = await login(c)
    if (!grant) throw unauthenticated('Log in first.')
    const { client, topics = [], publish = [], operate = false, expiresAt } = grant
    // A mistake of the host, which must not open somebody else's stream.
    if (client !== undefined && !NAME.test(client)) {
      throw new TypeError(`The function access returned an invalid client: it ${NAME_RULE}.`)
    }
    const subject = client === undefined ? 'login' : `client:${client}`
    return { subject, client, topics, publish, operate, expiresAt }
  }
}
