/** The use of buckets: whether this hub has to publish to them, and whether all hubs publish to them for this one. */
import type { RedisConnection } from '../connection.ts'
import type { BucketUse } from '../replies.ts'

/** The use of buckets by one hub. */
export interface Buckets {
  /** Whether any hub uses buckets, as far as this one knows. */
  readonly used: boolean
  /** Records a reply on this connection. @param renewed - whether the call renewed the use of this hub */
  update(connection: RedisConnection, use: BucketUse, renewed: boolean): void
  /** Resolves when events are published to buckets for this hub. @throws {HubError} `journal-unavailable` */
  enable(connection: RedisConnection): Promise<void>
}

/** Creates the use of one hub. @param renew - renews the use and calls `update` */
export function createBuckets(renew: (connection: RedisConnection) => Promise<void>): Buckets {
  let used = false
  /** The connection on which this hub has first asked for events to be published to buckets. */
  let enabled: RedisConnection | undefined
  return {
    get used() {
      return used
    },
    update,
    enable: async (connection) => {
      if (enabled !== connection) await renew(connection)
    },
  }

  function update(connection: RedisConnection, use: BucketUse, renewed: boolean): void {
    used = use.used
    if (!renewed) return
    // This process or the clock of Redis has jumped, or Redis has refused to write for a while: events may
    // not have been published to buckets.
    if (use.lapsed && enabled === connection)
      connection.close(new Error('Redis has not published to buckets for a while.'))
    enabled = connection
  }
}
