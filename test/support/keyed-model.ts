/** A model of clients that receive events with keys: what each must have received, whatever was replaced or retained meanwhile. */
import { expect } from 'vitest'
import type { Address } from '../../src/core/address.ts'
import type { EventInput } from '../../src/core/event.ts'
import { sequenceOf } from './event-id.ts'
import { cursorOf, isPublished } from './events.ts'
import { type ConnectedClient, createHubHarness, SMALL } from './hub-harness.ts'
import { createLateJournal, type LateJournal } from './late-journal.ts'

/** One step of a scenario. */
export type KeyedStep =
  | { readonly action: 'connect' | 'leave' | 'stall' | 'resume' | 'cut'; readonly name: string }
  | {
      readonly action: 'publish'
      readonly to: readonly Address[]
      readonly event: Omit<EventInput, 'data'>
      readonly size: number
    }
  | { readonly action: 'run pending' | 'hold' | 'release' | 'answer' | 'advance' }

/** The bounds of the journal, and whether it answers late. */
export interface KeyedModelOptions {
  readonly late: boolean
  readonly maxEvents: number
  readonly maxRetainedBytes: number
  /** Whether these bounds evict anything. */
  readonly evicts: boolean
}

interface ModelClient {
  readonly addresses: readonly Address[]
  readonly connect: () => ConnectedClient
  readonly connections: ConnectedClient[]
  /** Of each connection, where the journal was when it opened without a cursor. */
  readonly starts: (number | undefined)[]
  /** The client is due every event after this sequence. */
  from: number
}

interface Published {
  readonly addresses: readonly Address[]
  readonly event: EventInput
  readonly data: string
  readonly id: string
}

/** What each client follows, and the topics that it receives by a pattern. */
const FOLLOWED: Readonly<Record<string, readonly [string[], byPattern?: string[]]>> = {
  alice: [[]],
  bob: [['news', 'sport']],
  carol: [['news', 'a/1']],
  dave: [['a/*'], ['a/1', 'a/2']],
}

/** Creates the model; no client is connected yet. */
export function createKeyedModel({ late, evicts, ...bounds }: KeyedModelOptions) {
  const { clock, hub, journal, connectNow } = createHubHarness({
    ...SMALL,
    lifetimeMs: 100_000,
    ...(late
      ? { journal: (clock) => createLateJournal({ clock, ...bounds }) }
      : { journalOptions: bounds }),
  })
  const lateJournal = late ? (journal as LateJournal) : undefined
  const published: Promise<Published | undefined>[] = []
  const clients = new Map<string, ModelClient>()
  for (const [name, [topics, byPattern]] of Object.entries(FOLLOWED)) {
    const addresses: Address[] = [
      'everyone',
      { client: name },
      ...(byPattern ?? topics).map((topic) => ({ topic })),
    ]
    const connections: ConnectedClient[] = []
    const connect = () => {
      const lastEventId = connections.map(({ stream }) => cursorOf(stream)).findLast((id) => id)
      return connectNow(name, { topics, lastEventId })
    }
    clients.set(name, { addresses, connect, connections, starts: [], from: 0 })
  }
  return { takeStep, finish }

  async function takeStep(step: KeyedStep): Promise<void> {
    if (step.action === 'publish') publish(step)
    else if ('name' in step) await move(step.action, clients.get(step.name) as ModelClient)
    else if (step.action === 'run pending') await clock.runPending()
    else if (step.action === 'advance') await clock.advance(4_000)
    else if (step.action === 'hold') lateJournal?.hold()
    else if (step.action === 'release') lateJournal?.release()
    else answerOne()
  }

  function answerOne(): void {
    if (lateJournal && lateJournal.pendingReads > 0) lateJournal.answer('at answer')
  }

  async function move(
    action: 'connect' | 'leave' | 'stall' | 'resume' | 'cut',
    client: ModelClient,
  ): Promise<void> {
    const latest = client.connections.at(-1)
    if (action === 'connect') connect(client)
    else if (action === 'cut') await cut(client)
    else if (action === 'leave') latest?.stream.leave()
    else if (latest && !latest.stream.aborted) latest.stream[action]()
  }

  /** The client connects and leaves before it has read all of it. */
  async function cut(client: ModelClient): Promise<void> {
    client.connections.at(-1)?.stream.leave()
    connect(client)
    const latest = client.connections.at(-1)
    latest?.stream.stall()
    await answerAll()
    if (client.connections.length % 2 === 0) latest?.stream.resume()
    latest?.stream.leave()
  }

  function publish({ to, event, size }: KeyedStep & { readonly action: 'publish' }): void {
    const data = `${published.length} ${'x'.repeat(size)}`
    const input = { ...event, data }
    const result = hub.publish(to, input)
    const stored = result.then(({ id = '' }) => ({ addresses: to, event: input, data, id }))
    published.push(
      stored.catch((error) => {
        if (error.code !== 'event-too-large') throw error
        return undefined
      }),
    )
  }

  function connect(client: ModelClient): void {
    const { connections, starts } = client
    const latest = connections.at(-1)
    if (latest?.connection.open && !latest.stream.aborted) return
    latest?.stream.leave()
    // From its first cursor or event on, a client may lose nothing without a word.
    const isFresh = !connections.some(({ stream }) => {
      return cursorOf(stream) !== undefined || stream.events.some(isPublished)
    })
    if (isFresh) client.from = journal.head().sequence
    starts.push(isFresh ? client.from : undefined)
    connections.push(client.connect())
  }

  async function finish(): Promise<void> {
    lateJournal?.release()
    for (let round = 0; round < 4; round++) {
      for (const client of clients.values()) {
        client.connections.at(-1)?.stream.resume()
        await answerAll()
        connect(client)
      }
      await answerAll()
    }
    const all = (await Promise.all(published)).flatMap((one) => one ?? [])
    for (const [name, client] of clients) await check(name, client, all)
  }

  async function answerAll(): Promise<void> {
    await clock.runPending()
    while (lateJournal && lateJournal.pendingReads > 0) {
      answerOne()
      await clock.runPending()
    }
  }

  async function check(name: string, client: ModelClient, all: readonly Published[]) {
    const { addresses, connections, from } = client
    const texts = addresses.map((one) => JSON.stringify(one))
    const atOwn = (one: Published) => {
      return one.addresses
        .map((address) => JSON.stringify(address))
        .filter((a) => texts.includes(a))
    }
    const own = all.filter((one) => atOwn(one).length > 0)
    const known = new Map(all.map((one) => [one.data, one]))
    const streams = connections.map(({ stream }) => stream.events)
    const events = streams.flat()
    expect(connections.flatMap(({ stream }) => stream.faults)).toEqual([])
    const cursors = events.flatMap(({ id }) => (id === undefined ? [] : [sequenceOf(id)]))
    expect(cursors, 'cursors never go back').toEqual(cursors.toSorted((a, b) => a - b))
    for (const stream of streams) {
      const data = stream.filter(isPublished).map((one) => one.data)
      expect(data.length, 'nothing comes twice').toBe(new Set(data).size)
    }
    const withIds = events.filter((one) => isPublished(one) && one.id !== undefined)
    expect(withIds.length, 'nothing is replayed twice').toBe(
      new Set(withIds.map(({ id }) => id)).size,
    )
    const got = events.filter(isPublished).map(({ data }) => data)
    for (const [at, start] of client.starts.entries()) {
      const first = start === undefined ? [] : (streams[at] ?? [])
      const stale = first.filter(({ id, data }) => {
        const one = known.get(data)
        return one && id === undefined && atOwn(one).every((a) => isSuperseded(one, a, start))
      })
      expect(stale, 'a stream starts with what is retained then').toEqual([])
    }
    for (const data of got) expect(own, 'nothing of others').toContain(known.get(data))

    const gaps = events.flatMap(({ event, data }) => {
      return event === 'hub:gap' ? [sequenceOf(JSON.parse(data).requested)] : []
    })
    if (!evicts) expect(gaps, `gaps of ${name}`).toEqual([])
    const isReported = ({ id }: Published) => gaps.some((cursor) => cursor < sequenceOf(id))
    const lost = own.filter((one) => {
      if (sequenceOf(one.id) <= from || got.includes(one.data) || isReported(one)) return false
      return !atOwn(one).every((at) => isSuperseded(one, at))
    })
    expect(lost, `lost by ${name} without a word`).toEqual([])

    /** Whether a later event replaced this one at an address. */
    function isSuperseded({ id, event }: Published, at: string, before = Infinity): boolean {
      return own.some((later) => {
        if (sequenceOf(later.id) > before) return false
        const { key, replace, retain } = later.event
        if (!(replace || retain) || sequenceOf(later.id) <= sequenceOf(id)) return false
        return keyOf(event) === (key ?? '') && atOwn(later).includes(at)
      })
    }

    // The latest value of a key is the one that came last.
    const ids = new Map(all.map((one) => [one.data, sequenceOf(one.id)]))
    for (const at of texts) {
      const keyed = own.filter((one) => atOwn(one).includes(at) && keyOf(one.event) !== undefined)
      for (const key of new Set(keyed.map(({ event }) => keyOf(event)))) {
        const values = keyed.filter(({ event }) => keyOf(event) === key)
        const arrived = got.filter((data) => values.some((one) => one.data === data))
        const newest = Math.max(...values.map(({ data }) => ids.get(data) ?? 0))
        if (arrived.length === 0 || newest <= from) continue
        const last = ids.get(arrived.at(-1) ?? '')
        if (last !== newest)
          expect(values.filter((one) => ids.get(one.data) === newest).every(isReported)).toBe(true)
      }
    }
    for (const address of addresses) {
      const { rows } = await hub.retained(address)
      for (const { data } of rows) {
        const one = known.get(data) as Published
        if (!isReported(one)) expect(got, `retained for ${name}`).toContain(data)
      }
    }
  }
}

/** The key of an event; that of its address, if it replaces others without a key. */
function keyOf({ key, replace, retain }: EventInput): string | undefined {
  return key ?? (replace || retain ? '' : undefined)
}
