/** Random programs of events with keys, run on a journal and on a naive model: both must return the same. */
import fc from 'fast-check'
import { expect } from 'vitest'
import {
  type Address,
  addressKeys,
  isPatternKey,
  soleKey,
  topicOf,
} from '../../src/core/address.ts'
import type { HubEvent } from '../../src/core/event.ts'
import { covers } from '../../src/core/patterns/topic-pattern.ts'
import type { Journal } from '../../src/journal/journal.ts'

/** To publish to, and to read: a topic with levels is also read at the patterns that cover it. */
const ADDRESSES: readonly Address[] = [
  'everyone',
  { client: 'alice' },
  { topic: 'news' },
  { topic: 'a/1' },
  { topic: 'a/2' },
  { topic: 'a/2/x' },
]
const KEYS = ['*', 'c:alice', 't:news', 't:a/1', 't:a/2', 'p:a/*', 'p:a/**']

/** The bound of each address. A journal may store no more, not even for a short time. */
export const MAX_EVENTS = 4

type Instruction =
  | {
      readonly append: readonly Address[]
      readonly event: Pick<HubEvent, 'key' | 'replace' | 'retain'>
    }
  | { readonly read: readonly string[]; readonly back: number }
  | { readonly start: readonly string[]; readonly maxBytes: number }

const addresses = fc.shuffledSubarray([...ADDRESSES], { minLength: 1, maxLength: 3 })
const keys = fc.shuffledSubarray(KEYS, { minLength: 1, maxLength: 3 })

/** Programs of up to sixty instructions. */
export const keyedPrograms: fc.Arbitrary<readonly Instruction[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        append: addresses,
        event: fc.constantFrom<HubEvent[]>(
          ...([
            {},
            { key: 'a' },
            { key: 'b' },
            { key: 'a', replace: true },
            { key: '', replace: true },
            { key: 'a', replace: true, retain: true },
            { key: 'b', replace: true, retain: true },
          ] as HubEvent[]),
        ),
      }),
    },
    { weight: 2, arbitrary: fc.record({ read: keys, back: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ start: keys, maxBytes: fc.constantFrom(1, 200, 1e6) }) },
  ),
  { maxLength: 60 },
)

interface Stored {
  readonly address: string
  /** By what another event supersedes it. */
  readonly name: string | undefined
  readonly sequence: number
  readonly event: Pick<HubEvent, 'key' | 'replace' | 'retain'>
}

/** Runs a program on an empty journal of `MAX_EVENTS` per address. */
export async function runKeyedProgram(
  journal: Journal,
  program: readonly Instruction[],
): Promise<void> {
  let stored: Stored[] = []
  const floors = new Map<string, number>()
  const { end } = await journal.read(KEYS, undefined, 1e6)
  const epoch = end.id.split('-')[0]
  let sequence = end.sequence
  for (const one of program) {
    if ('append' in one) await append(one.append, one.event)
    else if ('read' in one) await read(one.read, Math.max(end.sequence, sequence - one.back))
    else await start(one.start, one.maxBytes)
  }
  await read(KEYS, end.sequence)
  await start(KEYS, 300)

  async function append(to: readonly Address[], event: Stored['event']): Promise<void> {
    const keys = addressKeys(to)
    const topic = topicOf(soleKey(keys) ?? '')
    const appended = await journal.append(keys, { ...event, topic, data: 'x' })
    sequence += 1
    expect(appended.sequence).toBe(sequence)
    const all = [keys].flat()
    for (const address of all) {
      const names = namesAt(address, all, event.key)
      if (event.replace) {
        stored = stored.filter((one) => {
          return one.address !== address || one.name === undefined || !names.includes(one.name)
        })
      }
      if (event.retain) {
        stored.push(...names.map((name) => ({ address, name, sequence, event })))
        continue
      }
      // At a pattern, an event for several addresses stays.
      const name = isPatternKey(address) && topic === undefined ? undefined : names[0]
      stored.push({ address, name, sequence, event })
      const log = stored.filter((one) => one.address === address && !one.event.retain)
      const surplus = log.slice(0, -MAX_EVENTS)
      stored = stored.filter((one) => !surplus.includes(one))
      for (const lost of surplus) floors.set(address, lost.sequence)
    }
  }

  async function read(all: readonly string[], from: number): Promise<void> {
    const batch = await journal.read(all, `${epoch}-${from}`, 1e6)
    const isLost = all.some((address) => (floors.get(address) ?? 0) > from)
    expect([batch.gap, batch.entries.map((one) => one.sequence)]).toEqual([
      isLost ? 'evicted' : undefined,
      sequences(all, from, () => true),
    ])
  }

  async function start(all: readonly string[], maxBytes: number): Promise<void> {
    const first = await journal.read(all, undefined, maxBytes)
    expect([first.entries, first.end.sequence]).toEqual([[], sequence])
    const found: number[] = []
    for (let batch = first.retained; batch; ) {
      expect(batch.entries.length).toBeGreaterThan(0)
      found.push(...batch.entries.map((one) => one.sequence))
      batch = batch.done ? undefined : await journal.retained?.(all, found.at(-1) ?? 0, maxBytes)
    }
    expect(found).toEqual(sequences(all, 0, ({ event }) => event.retain === true))
  }

  function sequences(all: readonly string[], from: number, isMeant: (one: Stored) => boolean) {
    const found = stored.filter((one) => {
      return all.includes(one.address) && one.sequence > from && isMeant(one)
    })
    return [...new Set(found.map((one) => one.sequence))].sort((one, other) => one - other)
  }
}

/** What an event with a key is about at an address: at a pattern, the key of each topic is another one. */
function namesAt(address: string, all: readonly string[], key: string | undefined): string[] {
  if (key === undefined) return []
  if (!isPatternKey(address)) return [key]
  const topics = all.flatMap((one) => topicOf(one) ?? [])
  return topics.filter((topic) => covers(address.slice(2), topic)).map((topic) => `${topic} ${key}`)
}
