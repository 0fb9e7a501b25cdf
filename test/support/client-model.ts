/** A model of clients: it records what each received, and derives what each should have received. */
import { expect } from 'vitest'
import type { Address, Addresses } from '../../src/core/address.ts'
import { sequenceOf } from './event-id.ts'
import { cursorOf } from './events.ts'
import { type ConnectedClient, createHubHarness, SMALL } from './hub-harness.ts'
import { createLateJournal, type LateJournal } from './late-journal.ts'

/** One step of a scenario. */
export type Step =
  | { readonly action: 'connect' | 'leave' | 'stall' | 'resume'; readonly name: string }
  | { readonly action: 'publish'; readonly to: Addresses; readonly size: number; times: number }
  | { readonly action: 'run pending' | 'hold' | 'release' }
  | { readonly action: 'advance'; readonly ms: number }
  | { readonly action: 'answer'; readonly state: 'at request' | 'at answer' }

/** What a client of the model follows, and what of that decides what it receives and has lost. */
export interface Following {
  readonly topics: readonly string[]
  /** Without what a pattern among them covers. @defaultValue all of them */
  readonly listens?: readonly string[]
}

interface ModelClient extends Required<Following> {
  readonly name: string
  readonly connections: ConnectedClient[]
  /** The client is due every event after this sequence. */
  from: number
}

interface Published {
  readonly addresses: readonly Address[]
  readonly id: string
}

/** Creates the model; no client is connected yet. @param following - by client */
export function createClientModel(
  following: Readonly<Record<string, Following>>,
  { late, maxEvents }: { readonly late: boolean; readonly maxEvents: number },
) {
  let lateJournal: LateJournal | undefined
  const { clock, hub, journal, connectNow } = createHubHarness({
    ...SMALL,
    lifetimeMs: 100_000,
    ...(late
      ? {
          journal: (clock) => {
            lateJournal = createLateJournal({ clock, maxEvents })
            return lateJournal
          },
        }
      : { journalOptions: { maxEvents } }),
  })
  const published: Promise<Published>[] = []
  const clients = new Map<string, ModelClient>()
  for (const [name, { topics, listens = topics }] of Object.entries(following)) {
    clients.set(name, { name, topics, listens, connections: [], from: 0 })
  }
  return { takeStep, finish }

  async function takeStep(step: Step): Promise<void> {
    switch (step.action) {
      case 'publish':
        for (let i = 0; i < step.times; i++) publish(step.to, step.size)
        break
      case 'run pending':
        return clock.runPending()
      case 'advance':
        return clock.advance(step.ms)
      case 'hold':
        lateJournal?.hold()
        break
      case 'release':
        lateJournal?.release()
        break
      case 'answer':
        if (lateJournal && lateJournal.pendingReads > 0) lateJournal.answer(step.state)
        break
      default:
        return move(step.action, clientNamed(step.name))
    }
  }

  function move(action: 'connect' | 'leave' | 'stall' | 'resume', client: ModelClient): void {
    const latest = client.connections.at(-1)
    if (action === 'connect') connect(client)
    else if (action === 'leave') latest?.stream.leave()
    else if (latest && !latest.stream.aborted) latest.stream[action]()
  }

  function clientNamed(name: string): ModelClient {
    const found = clients.get(name)
    if (!found) throw new Error(`There is no ${name}.`)
    return found
  }

  function publish(to: Addresses, size: number): void {
    const addresses = [to].flat()
    const result = hub.publish(to, { data: 'x'.repeat(size) })
    published.push(result.then(({ id = '' }) => ({ addresses, id })))
  }

  /** Clients that received a goodbye leave; absent clients reconnect with their last cursor. */
  function connect(client: ModelClient): void {
    const latest = client.connections.at(-1)
    if (latest?.connection.open && !latest.stream.aborted) return
    latest?.stream.leave()
    const lastEventId = client.connections
      .map(({ stream }) => cursorOf(stream))
      .findLast((id) => id)
    if (lastEventId === undefined) client.from = journal.head().sequence
    client.connections.push(connectNow(client.name, { topics: client.topics, lastEventId }))
  }

  async function finish(): Promise<void> {
    lateJournal?.release()
    for (let round = 0; round < 4; round++) {
      for (const client of clients.values()) {
        client.connections.at(-1)?.stream.resume()
        await runAllPending()
        connect(client)
      }
      await runAllPending()
    }
    const all = await Promise.all(published)
    for (const client of clients.values()) check(client, all)
  }

  async function runAllPending(): Promise<void> {
    await clock.runPending()
    while (lateJournal && lateJournal.pendingReads > 0) {
      lateJournal.answer('at answer')
      await clock.runPending()
    }
  }

  function check(
    { name, listens, connections, from }: ModelClient,
    all: readonly Published[],
  ): void {
    const own = all.flatMap((event) => {
      const heard = ['everyone', `client ${name}`, ...listens].filter((one) => isAt(one, event))
      return heard.length > 0 ? [{ heard, id: event.id }] : []
    })
    const due = own.map(({ id }) => id)
    const events = connections.flatMap(({ stream }) => stream.events)
    const got = events.filter(({ event }) => event === undefined).map(({ id = '' }) => id)
    const cursors = events.flatMap(({ id }) => (id === undefined ? [] : [sequenceOf(id)]))
    expect(connections.flatMap(({ stream }) => stream.faults)).toEqual([])
    expect(cursors, 'cursors never go back').toEqual(cursors.toSorted((a, b) => a - b))
    expect(got.length, 'nothing comes twice').toBe(new Set(got).size)
    for (const id of got) expect(due, 'nothing of others').toContain(id)
    const gaps = connections.flatMap(gapsOf)
    const lost = own.filter(({ id, heard }) => {
      if (sequenceOf(id) <= from || got.includes(id)) return false
      const reported = gaps.some((cursor) => cursor < sequenceOf(id))
      return !reported || !heard.every((one) => wasEvicted(id, one, all))
    })
    expect(lost, `lost by ${name} without a word`).toEqual([])
    const unfounded = gaps.filter((cursor) => {
      const later = own.filter(({ id }) => sequenceOf(id) > cursor)
      return !later.some(({ id, heard }) => heard.some((one) => wasEvicted(id, one, all)))
    })
    expect(unfounded, `gaps of ${name} where nothing of its own was evicted`).toEqual([])
  }

  /** Whether enough later events that are heard there followed that the journal evicted the one there. */
  function wasEvicted(id: string, name: string, all: readonly Published[]): boolean {
    const later = all.filter((one) => sequenceOf(one.id) > sequenceOf(id) && isAt(name, one))
    return later.length >= maxEvents
  }
}

/** The sequences after which events were lost, according to the gaps that the client received. */
function gapsOf({ stream }: ConnectedClient): number[] {
  const gaps = stream.events.filter(({ event }) => event === 'hub:gap')
  return gaps.map(({ data }) => sequenceOf(JSON.parse(data).requested))
}

/** Whether an event is heard by what listens to `everyone`, to `client` and a name, to a topic, or to a pattern. */
function isAt(name: string, { addresses }: Published): boolean {
  const level = name.endsWith('/**') ? '.*' : '[^/]*'
  const followed = new RegExp(`^${name.replace(/[*]+$/, level)}$`)
  return addresses.some((address) => {
    if (address === 'everyone') return name === 'everyone'
    return 'client' in address ? name === `client ${address.client}` : followed.test(address.topic)
  })
}
