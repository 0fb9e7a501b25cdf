/** Access by the host's own login: a function says who sends a request, and what that person may do. */
import type { Context } from 'hono'
import { NAME, NAME_RULE } from '../../core/address.ts'
import { KIND, type Kinds, optionsProblem } from '../../core/options/option-kinds.ts'
import type { Hub } from '../../hub/hub-types.ts'
import { internalsOf } from '../../hub/internals.ts'
import { type Access, createAuthorizer } from './authorizer.ts'
import { unauthenticated } from './errors.ts'
import { ADDRESSES, type Permissions, type Scope, TOPICS } from './permissions.ts'

/** What the sender of a request may do. Whatever is left out is not allowed. */
export interface LoginGrant {
  /**
   * Whose rate limit publishing counts against, and whose the idempotency keys are. @defaultValue the client; without
   * one, the limit is that of the remote address, and the keys are shared with all others without one
   */
  readonly subject?: string | undefined
  /** The client that it may listen as. */
  readonly client?: string | undefined
  /** The topics that it may follow; `*` for all. A pattern, such as `orders/*`, stands for all topics that it covers, too. */
  readonly topics?: Scope | undefined
  /** Where it may publish: a list of `everyone`, `client:ID` and `topic:NAME`, with `*` for any id or name, or a pattern as a name; or `*`. */
  readonly publish?: Scope | undefined
  /** Whether it may list and disconnect clients, and read metrics. */
  readonly operate?: boolean | undefined
  /** Whether it may read metrics, even if it may not operate. */
  readonly metrics?: boolean | undefined
  /** When all of this ends, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/** Returns the grant of a request, by the login of the host. `undefined`: nobody is logged in, 401. */
// biome-ignore lint/suspicious/noExplicitAny: the variables of the context are those of the host.
export type Login = (c: Context<any>) => LoginGrant | undefined | Promise<LoginGrant | undefined>

const KINDS: Kinds<LoginGrant> = {
  subject: KIND.text,
  client: KIND.text,
  topics: TOPICS,
  publish: ADDRESSES,
  operate: KIND.flag,
  metrics: KIND.flag,
  expiresAt: KIND.number,
}

/** Creates access control by the login of the host. */
export function createLoginAccess(hub: Hub, login: Login): Access {
  const { clock } = internalsOf(hub)
  return createAuthorizer({ hub, clock, permissionsOf })

  async function permissionsOf(c: Context): Promise<Permissions> {
    const grant = await login(c)
    if (!grant) throw unauthenticated('Log in first.')
    checkGrant(grant)
    const { client, topics = [], publish = [], operate = false, metrics, expiresAt } = grant
    if (expiresAt !== undefined && expiresAt <= clock.now()) {
      throw unauthenticated('Your login has ended: log in again.')
    }
    const own = client === undefined ? undefined : `client:${client}`
    const subject = grant.subject === undefined ? own : `login:${grant.subject}`
    return { subject, client, topics, publish, operate, metrics, expiresAt }
  }
}

/** @throws {TypeError} for a mistake of the host, which must allow nothing that the host did not mean */
function checkGrant(grant: LoginGrant): void {
  const problem = optionsProblem('its grant', grant, KINDS)
  if (problem !== undefined) throw new TypeError(`The function access is wrong: ${problem}`)
  if (grant.client === undefined || NAME.test(grant.client)) return
  throw new TypeError(`The function access returned an invalid client: it ${NAME_RULE}.`)
}
