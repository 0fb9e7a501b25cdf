/** Checks that a backplane must pass. */
import { addressKeys, clientKey, EVERYONE, topicKey } from '../../core/address.ts'
import { type ConformanceCheck, check, decodeFrame, equal, type OpenJournal } from './harness.ts'

const ALICE = clientKey('alice')
const NEWS = topicKey('news')

/** The checks of `useOnce`. */
export function backplaneChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check('a name can be used once, even by concurrent callers', async () => {
      const { journal } = await open({}, [])
      const use = async (name: string) => await journal.backplane?.useOnce(name, 60_000)
      const uses = await Promise.all([use('ticket'), use('ticket'), use('ticket')])
      equal(uses.filter((first) => first).length, 1)
      equal([await use('ticket'), await use('another')], [false, true])
    }),
  ]
}

/** The checks of `relay`, for a backplane that several hubs share. */
export function relayChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check('a relayed event is delivered but not stored', async () => {
      const { journal, deliveries, eventually } = await open({}, [EVERYONE])
      await journal.backplane?.relay?.(EVERYONE, { data: 'now', event: 'typing' })
      await eventually(() => deliveries.length === 1)
      equal(
        deliveries.map(({ keys, entry }) => [keys, entry]),
        [[EVERYONE, undefined]],
      )
      equal(decodeFrame(deliveries[0]), 'event: typing\ndata: now\n\n')
      equal((await journal.read([EVERYONE], 'earliest', 1e6)).entries, [])
    }),

    check('an event that is relayed to several addresses is delivered once', async () => {
      const { journal, deliveries, eventually } = await open({}, [EVERYONE, NEWS])
      await journal.backplane?.relay?.([NEWS, ALICE, EVERYONE], { data: 'now' })
      await journal.backplane?.relay?.(EVERYONE, { data: 'last' })
      await eventually(() => decodeFrame(deliveries.at(-1)) === 'data: last\n\n')
      equal(deliveries.map(decodeFrame), ['data: now\n\n', 'data: last\n\n'])
      const keys = [deliveries[0]?.keys ?? []].flat()
      equal([keys.includes(NEWS), keys.includes(EVERYONE)], [true, true])
    }),

    check('an event that is relayed to a topic is delivered once at each of its keys', async () => {
      const { journal, deliveries, eventually } = await open({}, ['t:a/b', 'p:a/*'])
      await journal.read(['t:a/b', 'p:a/*'], undefined, 1e6)
      const at = (key: string) => {
        const own = deliveries.filter(({ keys }) => [keys].flat().includes(key))
        return own.map(decodeFrame)
      }
      for (const data of ['1', '1', '2']) {
        await journal.backplane?.relay?.(addressKeys({ topic: 'a/b' }), { data })
      }
      await eventually(() => at('p:a/*').length >= 3 && at('t:a/b').length >= 3)
      for (const key of ['t:a/b', 'p:a/*']) {
        equal(at(key), ['data: 1\n\n', 'data: 1\n\n', 'data: 2\n\n'])
      }
    }),
  ]
}
