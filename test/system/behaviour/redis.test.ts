/** Runs the behaviour suite on Node with the journal in Redis. */
import { afterAll, describe } from 'vitest'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { hubBehaviour } from './behaviour.ts'
import type { Runtime } from './runtime.ts'

const redis = REDIS_IS_MISSING ? undefined : await startRedis()
afterAll(() => redis?.close())

describe.skipIf(redis === undefined)('with REDIS_URL', () => {
  const runtime: Runtime = {
    name: 'Node',
    command: COMMANDS.node,
    environment: { REDIS_URL: redis?.url ?? '' },
    // The servers of one test are not a cluster.
    perServer: () => ({ REDIS_PREFIX: crypto.randomUUID() }),
    sharedJournal: true,
    leaving: 'at once',
    stalledSocket: 'cut',
    memory: 'measured',
    badEnvironment: 'exits with 2',
    signals: 'drain',
  }
  // A journal does not depend on how streams are opened: one way is enough.
  hubBehaviour(runtime, ['native'])
})
