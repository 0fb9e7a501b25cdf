/**
 * The presence of a shard. When `HUB_SHARDS` changes, clients move: the shard that they have left knows them as online,
 * and must report them offline only if they are not online at the one that they belong to now. If they come back to it
 * later, it must report them online again.
 */
import type { Clock } from '../../../core/clock.ts'
import type {
  OnlineClients,
  OnlineClientsInit,
  SharedPresence,
} from '../../../journal/backplane.ts'
import type { StoredPresence } from '../../../journal/sqlite/presence/stored-presence.ts'
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
  readonly presence: Pick<StoredPresence, 'follow'>
  readonly resharding: Pick<Resharding, 'serving' | 'ensureReady'>
  /** Lists those of the clients that are online at another shard, once that may serve as one of `count`. */
  onlineAt(shard: number, clients: readonly string[]): Promise<readonly string[]>
  readonly clock: Pick<Clock, 'every'>
}

/** Milliseconds until a shard that did not answer is asked again. */
const RETRY_MS = 10_000

/** Failures after which one is reported: deployments cause a few. */
const FAILURES_PER_REPORT = 6

/** Clients that one call asks about: their names are one value in SQLite, which has 2 MB at most. */
const CLIENTS_PER_CALL = 1_000

type OnError = OnlineClientsInit['hooks']['onError']

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
    const { onClientOnline, onClientOffline, onError } = hub.hooks
    const isElsewhere = (client: string) => shardOf(client, count) !== own
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
    return presence.follow({ ...hub, hooks, isElsewhere })

    async function reportUnlessOnlineAt(home: number, client: string, at: number): Promise<void> {
      const report = {}
      waiting.set(client, report)
      const online = await onlineElsewhere(home, client, onError)
      // It may have connected to this shard meanwhile.
      if (waiting.get(client) !== report) return
      waiting.delete(client)
      if (!online.has(client)) await onClientOffline(client, at)
    }
  }

  /** Asks about all clients that go offline at the same time together. */
  function onlineElsewhere(
    home: number,
    client: string,
    onError: OnError,
  ): Promise<ReadonlySet<string>> {
    const clients: string[] = []
    const question = questions.get(home) ?? {
      clients,
      answer: Promise.resolve().then(async () => {
        questions.delete(home)
        const online = new Set<string>()
        for (let n = 0; n < clients.length; n += CLIENTS_PER_CALL) {
          const part = clients.slice(n, n + CLIENTS_PER_CALL)
          for (const one of await ask(home, part, onError)) online.add(one)
        }
        return online
      }),
    }
    questions.set(home, question)
    question.clients.push(client)
    return question.answer
  }

  async function ask(
    home: number,
    clients: readonly string[],
    onError: OnError,
  ): Promise<readonly string[]> {
    for (let failures = 1; ; failures++) {
      try {
        if (home !== own) return await answerInTime(onlineAt(home, clients), clock)
        await resharding.ensureReady(count)
        return []
      } catch (error) {
        // A deployment has not reached the other shard, or has reached it first: this one is about to restart.
        if (failures % FAILURES_PER_REPORT === 0) onError(error, 'journal')
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
