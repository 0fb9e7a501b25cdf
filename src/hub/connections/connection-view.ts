/** What hooks and callers of `connect` receive: a connection that they can read and end, and not change. */
import type { ByeReason } from '../../core/control-events.ts'
import type { HubConnection } from './connection.ts'
import type { Connection, ConnectionInfo } from './connection-types.ts'

/** Each connection has one, so that an application can use it as a key. Most are never asked for: then it takes no memory. */
const views = new WeakMap<HubConnection, Connection>()

/** Returns the view of a connection, always the same one. */
export function viewOf(connection: HubConnection): Connection {
  const known = views.get(connection)
  if (known) return known
  const view = new ConnectionView(connection)
  views.set(connection, view)
  return view
}

/** What never changes is a property of its own, which logs show. */
class ConnectionView implements Connection {
  readonly id: string
  readonly client: string
  readonly topics: readonly string[]
  readonly since: number
  readonly openedAt: number
  readonly info: ConnectionInfo
  readonly context: unknown
  readonly ended: Promise<void>
  readonly #connection: HubConnection

  constructor(connection: HubConnection) {
    this.id = connection.id
    this.client = connection.client
    this.topics = connection.topics
    this.since = connection.since
    this.openedAt = connection.openedAt
    this.info = Object.freeze({ ...connection.info })
    this.context = connection.context
    this.ended = connection.ended
    this.#connection = connection
    Object.freeze(this)
  }

  get sentEvents(): number {
    return this.#connection.sentEvents
  }

  get sentBytes(): number {
    return this.#connection.sentBytes
  }

  disconnect(reason?: ByeReason): void {
    this.#connection.disconnect(reason)
  }
}
