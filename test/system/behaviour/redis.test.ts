/** Holds the Node door to the behaviour of the hub once more, with the journal in Redis. */
import { afterAll, describe } from 'vitest'
import { NODE_DOOR } from '../../support/node.ts'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import { hubBehaviour } from './behaviour.ts'

const redis = REDIS_IS_MISSING ? undefined : await startRedis()
afterAll(() => redis?.close())

describe.skipIf(redis === undefined)('with REDIS_URL', () => {
  hubBehaviour({
    name: 'Node',
    command: NODE_DOOR,
    environment: { REDIS_URL: redis?.url ?? '' },
    // Servers of one test are no cluster.
    own: () => ({ REDIS_PREFIX: crypto.randomUUID() }),
    shared: true,
    leaving: 'at once',
    stalledSocket: 'cut',
    memory: 'measured',
    badEnvironment: 'exits with 2',
    signals: 'drain',
  })
})
