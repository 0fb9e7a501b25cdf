/** Sentinels say which server is the primary: at the start, and when another one takes over. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { epochOf } from '../../../src/core/cursor.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { until } from '../../support/eventually.ts'
import { recordingHandler } from '../../support/journal-handler.ts'
import { REDIS_IS_MISSING, type RedisServer, sendCommand, startRedis } from '../../support/redis.ts'
import { closeJournals, openRedisJournal } from '../../support/redis-journals.ts'
import { type Sentinels, startSentinels } from '../../support/sentinels.ts'

const ALICE = clientKey('alice')
const NAME = 'main'
const PASSWORD = 'sesame'
const settings = [`requirepass ${PASSWORD}`, `masterauth ${PASSWORD}`, 'repl-diskless-sync-delay 0']

describe.skipIf(REDIS_IS_MISSING)('with Sentinels, a journal', () => {
  let primary: RedisServer
  let replica: RedisServer
  let sentinels: Sentinels
  beforeAll(async () => {
    primary = await startRedis('none', settings)
    replica = await startRedis('none', [...settings, `replicaof 127.0.0.1 ${primary.port}`])
    sentinels = await startSentinels(3, NAME, { port: primary.port, password: PASSWORD })
  })
  afterEach(closeJournals)
  afterAll(async () => {
    await sentinels.close()
    await replica.close()
    await primary.close()
  })

  const urlOf = (name: string) =>
    `redis+sentinel://:${PASSWORD}@${sentinels.addresses.join(',')}/${name}/1`

  test('whose primary is unknown to them says so', async () => {
    const reasons: string[] = []
    const observer = { disconnected: (error: Error) => void reasons.push(error.message) }
    const journal = createRedisJournal({ url: urlOf('other'), observer })
    journal.open(recordingHandler([]))
    await until('it is reported', () => reasons.length > 0)
    await journal.close()
    expect(reasons[0]).toBe('The Sentinels know no primary named other.')
  })

  test('moves to the server that they choose when the primary is killed, also with one Sentinel that hangs', async () => {
    const harness = await openRedisJournal({ url: urlOf(NAME), command: primary.command }, {}, [
      ALICE,
    ])
    const { journal, delivered, disconnected, connected } = harness
    const first = await journal.append(ALICE, { data: 'a' })
    const withPassword = primary.url.replace('://', `://:${PASSWORD}@`)
    expect(await sendCommand(withPassword, ['WAIT', '1', '5000'])).toBe(1)
    sentinels.suspend(0)
    await primary.crash()
    await disconnected()
    await connected()
    const second = await journal.append(ALICE, { data: 'b' })
    await delivered(2)
    expect(epochOf(second)).not.toBe(epochOf(first))
    const batch = await journal.read([ALICE], first.id, 1_000)
    expect([batch.gap, batch.entries.length]).toEqual([undefined, 1])
  })
})
