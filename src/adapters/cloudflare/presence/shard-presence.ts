/**
 * The presence of a shard. When `HUB_SHARDS` changes, clients move: the shard that they have left knows them as online,
 * and must report them offline only if they are not online at the one that they belong to now.
 */
import type { Clock } from '../../../core/clock.ts'
import type {
  OnlineClients,
  OnlineClientsInit,
  SharedPresence,
} from '../../../journal/backplane.ts'
import { answerInTime } from '../deadline.ts'
import type { Resharding } from '../resharding.ts'
import { shardOf } from '../sharding.ts'

/** What the presence needs of a shard. */
export interface ShardPresenceInit {
  /** The number of this shard, from 0. */
  readonly shard: number
  /** The number of shards that this one is configured with. */
  readonly count: number
  /** The presence in the journal of this shard. */
  readonly presence: SharedPresence
  readonly resharding: Pick<Resharding, 'serving' | 'ensureReady'>
  /** Lists those of the clients that are online at another shard, once that may serve as one of `count`. */
  onlineAt(shard: number, clients: readonly string[]): Promise<readonly string[]>
  readonly clock: Pick<Clock, 'every'>
}

/** Milliseconds until a shard that did not answer is asked again. */
const RETRY_MS = 10_000

interface Question {
  readonly clients: string[]
  /** Resolves with those that are online elsewhere. */
  readonly answer: Promise<ReadonlySet<string>>
}

/** Creates the presence of a shard. */
export function createShardPresence(init: ShardPresenceInit): SharedPresence {
  const { shard: own, count, presence, resharding, onlineAt, clock } = init
  /** The questions that are about to be asked, by shard. */
  const questions = new Map<number, Question>()
  return { follow }

  function follow(hub: OnlineClientsInit): OnlineClients {
    const { onClientOnline, onClientOffline } = hub.hooks
    /** The latest report of each client that waits for an answer. */
    const waiting = new Map<string, object>()
    const hooks = {
      ...hub.hooks,
      onClientOnline: (client: string, at: number) => {
        waiting.delete(client)
        return onClientOnline(client, at)
      },
      onClientOffline: (client: string, at: number) => {
        const home = shardOf(client, count)
        if (home === own && resharding.serving) return onClientOffline(client, at)
        return reportUnlessOnlineAt(home, client, at)
      },
    }
    return presence.follow({ ...hub, hooks })

    async function reportUnlessOnlineAt(home: number, client: string, at: number): Promise<void> {
      const report = {}
      waiting.set(client, report)
      const online = await onlineElsewhere(home, client)
      // It may have connected to this shard meanwhile.
      if (waiting.get(client) !== report) return
      waiting.delete(client)
      if (!online.has(client)) await onClientOffline(client, at)
    }
  }

  /** Asks about all clients that go offline at the same time together. */
  function onlineElsewhere(home: number, client: string): Promise<ReadonlySet<string>> {
    const clients: string[] = []
    const question = questions.get(home) ?? {
      clients,
      answer: Promise.resolve().then(async () => {
        questions.delete(home)
        return new Set(await ask(home, clients))
      }),
    }
    questions.set(home, question)
    question.clients.push(client)
    return question.answer
  }

  async function ask(home: number, clients: readonly string[]): Promise<readonly string[]> {
    for (;;) {
      try {
        if (home !== own) return await answerInTime(onlineAt(home, clients), clock)
        await resharding.ensureReady(count)
        return []
      } catch {
        // A deployment has not reached the other shard, or has reached it first: this one is about to restart.
        await new Promise<void>((resolve) => {
          const stop = clock.every(RETRY_MS, () => {
            stop()
            resolve()
          })
        })
      }
    }
  }
}
