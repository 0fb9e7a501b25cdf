/** A model of clients: it records what each received, and derives what each should have received. */
import { expect } from 'vitest'
import type { Address } from '../../src/core/address.ts'
import { cursorOf } from './fake-stream.ts'
import { createHubHarness, type JoinedClient, SMALL } from './hub-harness.ts'
import { createLateJournal, type LateJournal } from './late-journal.ts'

/** One step of a scenario. */
export type Act =
  | { readonly act: 'come' | 'leave' | 'stall' | 'resume'; readonly name: string }
  | { readonly act: 'publish'; readonly address: Address; readonly size: number; times: number }
  | { readonly act: 'turn' | 'hold' | 'release' }
  | { readonly act: 'pass'; readonly ms: number }
  | { readonly act: 'answer'; readonly as: 'asked' | 'now' }

interface ModelClient {
  readonly name: string
  readonly topics: readonly string[]
  readonly visits: JoinedClient[]
  /** The client is due every event after this sequence. */
  from: number
}

interface Published {
  readonly address: Address
  readonly id: string
}

const sequenceOf = (id: string) => Number(id.split('-')[1])

/** Creates the model; no client is connected yet. */
export function createClientModel(
  names: readonly string[],
  { late, maxEvents }: { readonly late: boolean; readonly maxEvents: number },
) {
  let slow: LateJournal | undefined
  const { clock, hub, journal, join } = createHubHarness({
    ...SMALL,
    lifetimeMs: 100_000,
    ...(late
      ? {
          journal: (clock) => {
            slow = createLateJournal({ clock, maxEvents })
            return slow
          },
        }
      : { history: { maxEvents } }),
  })
  const published: Promise<Published>[] = []
  const clients = new Map<string, ModelClient>()
  for (const name of names) {
    const topics = name === 'bob' ? ['news', 'sport'] : name === 'carol' ? ['news'] : []
    clients.set(name, { name, topics, visits: [], from: 0 })
  }
  return { play, finish }

  async function play(one: Act): Promise<void> {
    switch (one.act) {
      case 'publish':
        for (let i = 0; i < one.times; i++) publish(one.address, one.size)
        break
      case 'turn':
        return clock.settle()
      case 'pass':
        return clock.advance(one.ms)
      case 'hold':
        slow?.hold()
        break
      case 'release':
        slow?.release()
        break
      case 'answer':
        if (slow && slow.asked > 0) slow.answer(one.as)
        break
      default:
        return move(one.act, clientNamed(one.name))
    }
  }

  function move(act: 'come' | 'leave' | 'stall' | 'resume', who: ModelClient): void {
    const here = who.visits.at(-1)
    if (act === 'come') come(who)
    else if (act === 'leave') here?.stream.leave()
    else if (here && !here.stream.aborted) here.stream[act]()
  }

  function clientNamed(name: string): ModelClient {
    const found = clients.get(name)
    if (!found) throw new Error(`There is no ${name}.`)
    return found
  }

  function publish(address: Address, size: number): void {
    const event = { data: 'x'.repeat(size) }
    published.push(hub.publish(address, event).then(({ id = '' }) => ({ address, id })))
  }

  /** Clients that received a goodbye leave; absent clients reconnect with their last cursor. */
  function come(who: ModelClient): void {
    const here = who.visits.at(-1)
    if (here?.connection.open && !here.stream.aborted) return
    here?.stream.leave()
    const lastEventId = who.visits.map(({ stream }) => cursorOf(stream)).findLast((id) => id)
    if (lastEventId === undefined) who.from = journal.head().sequence
    who.visits.push(join(who.name, { topics: who.topics, lastEventId }))
  }

  async function finish(): Promise<void> {
    slow?.release()
    for (let round = 0; round < 4; round++) {
      for (const who of clients.values()) {
        who.visits.at(-1)?.stream.resume()
        await settleAll()
        come(who)
      }
      await settleAll()
    }
    const all = await Promise.all(published)
    for (const who of clients.values()) check(who, all)
  }

  async function settleAll(): Promise<void> {
    await clock.settle()
    while (slow && slow.asked > 0) {
      slow.answer('now')
      await clock.settle()
    }
  }

  function check({ name, topics, visits, from }: ModelClient, all: readonly Published[]): void {
    const due = all.filter(({ address }) => isFor(address, name, topics)).map(({ id }) => id)
    const events = visits.flatMap(({ stream }) => stream.events)
    const got = events.filter(({ event }) => event === undefined).map(({ id = '' }) => id)
    const cursors = events.flatMap(({ id }) => (id === undefined ? [] : [sequenceOf(id)]))
    expect(visits.flatMap(({ stream }) => stream.faults)).toEqual([])
    expect(cursors, 'cursors never go back').toEqual(cursors.toSorted((a, b) => a - b))
    expect(got.length, 'nothing comes twice').toBe(new Set(got).size)
    for (const id of got) expect(due, 'nothing of others').toContain(id)
    const gaps = visits.flatMap(gapsOf)
    const lost = due.filter((id) => {
      const reported = gaps.some((cursor) => cursor < sequenceOf(id))
      return sequenceOf(id) > from && !got.includes(id) && !(reported && wasEvicted(id, all))
    })
    expect(lost, `lost by ${name} without a word`).toEqual([])
    if (maxEvents >= all.length) expect(gaps, 'no gap where nothing was evicted').toEqual([])
  }

  /** Whether enough later events at the same address followed that the journal evicted this one. */
  function wasEvicted(id: string, all: readonly Published[]): boolean {
    const address = all.find((one) => one.id === id)?.address
    const later = all.filter((one) => sequenceOf(one.id) > sequenceOf(id))
    return later.filter((one) => one.address === address).length >= maxEvents
  }
}

/** The sequences after which events were lost, according to the gaps that the client received. */
function gapsOf({ stream }: JoinedClient): number[] {
  const gaps = stream.events.filter(({ event }) => event === 'hub:gap')
  return gaps.map(({ data }) => sequenceOf(JSON.parse(data).requested))
}

function isFor(address: Address, name: string, topics: readonly string[]): boolean {
  if (address === 'everyone') return true
  return 'client' in address ? address.client === name : topics.includes(address.topic)
}
