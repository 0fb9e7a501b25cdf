/** A model of topics, patterns and readers: what each reader of a journal must find, whatever was published. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { addressKeys, listenKeys } from '../../src/core/address.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { sequenceOf } from './event-id.ts'

const level = fc.constantFrom('a', 'b', '')
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => `t${levels.join('/')}`)
const followed = fc.oneof(
  topic,
  topic.map((parent) => `${parent}/*`),
  topic.map((parent) => `${parent}/**`),
)
/** Topics of events: one, or several at once. */
const topics = fc.array(topic, { minLength: 1, maxLength: 3 })

/** What to publish, and what readers follow. The first one of a reader's events that it has seen is a share of all. */
export const patternScenario = fc.record({
  published: fc.array(topics, { minLength: 1, maxLength: 30 }),
  readers: fc.array(
    fc.record({
      names: fc.uniqueArray(followed, { minLength: 1, maxLength: 6 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
})

type Scenario = typeof patternScenario extends fc.Arbitrary<infer Value> ? Value : never

/** Plays a scenario on journals that share their events. Patterns MUST be in use. @param prefix - a first level that nothing else uses */
export async function checkPatterns(
  journals: readonly [Journal, ...Journal[]],
  { published, readers }: Scenario,
  prefix: string,
): Promise<void> {
  const [first] = journals
  const own = (name: string) => `${prefix}/${name}`
  const { end } = await first.read(['p:x/*'], undefined, 1e6)
  const events: { id: string; topics: readonly string[] }[] = []
  for (const [n, names] of published.entries()) {
    const addresses = names.map((name) => ({ topic: own(name) }))
    const journal = journals[n % journals.length] ?? first
    const { id } = await journal.append(addressKeys(addresses), { data: 'x' })
    events.push({ id, topics: addresses.map(({ topic }) => topic) })
  }
  expect(events.map(({ id }) => sequenceOf(id))).toEqual(
    events.map(({ id }) => sequenceOf(id)).toSorted((one, other) => one - other),
  )
  for (const [n, { names, share }] of readers.entries()) {
    const keys = listenKeys(
      names.map((name) => ({ topic: own(name) })),
      52,
    )
    const from = Math.round(share * events.length)
    const cursor = events[from - 1]?.id ?? end.id
    const due = events.slice(from).filter((event) => names.some((name) => hears(own(name), event)))
    const journal = journals[n % journals.length] ?? first
    // So little at a time that several batches are needed.
    const found: string[] = []
    for (let at = cursor, done = false; !done; ) {
      const batch = await journal.read(keys, at, 60)
      expect(batch.gap).toBe(undefined)
      found.push(...batch.entries.map(({ id }) => id))
      at = batch.end.id
      done = batch.done
    }
    expect(found).toEqual(due.map(({ id }) => id))
  }
}

function hears(name: string, { topics }: { readonly topics: readonly string[] }): boolean {
  const levels = name.split('/')
  const last = levels.at(-1)
  return topics.some((topic) => {
    const other = topic.split('/')
    if (last !== '*' && last !== '**') return topic === name
    const isLong = last === '*' ? other.length === levels.length : other.length >= levels.length
    return isLong && levels.slice(0, -1).every((level, index) => level === other[index])
  })
}
