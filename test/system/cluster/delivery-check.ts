/** Publishes numbered events to roaming clients, and checks what each of them received. */
import { expect } from 'vitest'
import { epochOf, sequenceOf } from '../../support/event-id.ts'
import { post } from './fast-client.ts'
import type { Instance } from './instance.ts'
import { createRoamingClient, type RoamingClient } from './roaming-client.ts'

/** An event that was sent, and its id if it was stored. */
interface Sent {
  readonly path: string
  readonly data: string
  /** Undefined when no instance acknowledged it. */
  readonly id: string | undefined
}

/** What the check found. */
export interface DeliveryReport {
  readonly acknowledged: number
  readonly refused: number
  readonly received: number
  readonly streamsOpened: number
  /** The number of clients that received a gap. */
  readonly gapped: number
  /** The number of acknowledged events that a client did not receive. */
  readonly lost: number
}

/** A check in progress. */
export interface DeliveryCheck {
  /** Resolves when each client has opened a stream. */
  connect(): Promise<void>
  /** Publishes `count` numbered events through random instances. */
  publish(count: number): Promise<void>
  /** Waits until all have the last event, then checks what each client received. */
  report(): Promise<DeliveryReport>
  stop(): void
}

const TOPICS = 10
const PUBLISHERS = 24
const BROADCAST_SHARE = 0.01
const TOPIC_SHARE = 0.09

/** Starts the clients; none of them has connected yet. */
export function createDeliveryCheck(instances: readonly Instance[], size: number): DeliveryCheck {
  const clients = Array.from({ length: size }, (_, i) =>
    createRoamingClient(`client-${i}`, `topic-${i % TOPICS}`, randomUrl),
  )
  const sent: Sent[] = []
  return {
    connect: async () => void (await Promise.all(clients.map(({ opened }) => opened))),
    publish,
    report,
    stop: () => {
      for (const client of clients) client.stop()
    },
  }

  function randomUrl(): string | undefined {
    const up = instances.flatMap(({ url }) => (url ? [url] : []))
    return up[Math.floor(Math.random() * up.length)]
  }

  async function publish(count: number): Promise<void> {
    let next = 0
    const publisher = async () => {
      while (next < count) {
        next += 1
        await publishOne(randomPath(), `${sent.length}-${next}`)
      }
    }
    await Promise.all(Array.from({ length: PUBLISHERS }, publisher))
  }

  function randomPath(): string {
    const random = Math.random()
    if (random < BROADCAST_SHARE) return '/broadcast'
    if (random < BROADCAST_SHARE + TOPIC_SHARE) {
      return `/topics/topic-${Math.floor(Math.random() * TOPICS)}`
    }
    return `/clients/client-${Math.floor(Math.random() * size)}`
  }

  async function publishOne(path: string, data: string): Promise<boolean> {
    const url = randomUrl()
    const response = url ? await post(url + path, data) : undefined
    if (response && response.status !== 200) {
      expect(response).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) })
    }
    const stored = response?.status === 200
    const id = stored ? (JSON.parse(response.body) as { id: string }).id : undefined
    sent.push({ path, data, id })
    if (stored) return true
    // A short wait after a refusal: Retry-After is in whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 50))
    return false
  }

  async function report(): Promise<DeliveryReport> {
    const last = `the last word ${Math.random()}`
    // A refused last event may have been stored, so each try sends a different one.
    let tries = 0
    while (!(await publishOne('/broadcast', `${last} ${tries}`))) tries += 1
    await Promise.all(clients.map(({ untilReceived }) => untilReceived(`${last} ${tries}`)))
    const found = clients.map((client) => lostBy(client))
    const sum = (numbers: readonly number[]) => numbers.reduce((one, other) => one + other, 0)
    const acknowledged = sent.filter(({ id }) => id !== undefined).length
    return {
      acknowledged,
      refused: sent.length - acknowledged,
      received: sum(clients.map(({ received }) => received.length)),
      streamsOpened: sum(clients.map(({ streamsOpened }) => streamsOpened)),
      gapped: clients.filter(({ gaps }) => gaps.length > 0).length,
      lost: sum(found),
    }
  }

  /** The number of events this client lost with a gap; a loss without one fails the test. */
  function lostBy({ client, topic, received, gaps }: RoamingClient): number {
    const mine = new Set(['/broadcast', `/clients/${client}`, `/topics/${topic}`])
    const due = sent.filter(({ path }) => mine.has(path))
    const known = new Set(due.map(({ data }) => data))
    const got = received.map(({ data }) => data)
    expect(
      got.filter((data) => !known.has(data)),
      `${client} receives nothing of others`,
    ).toEqual([])
    expect(got.length, `${client} receives nothing twice`).toBe(new Set(got).size)
    for (const [i, { id }] of received.entries()) {
      const before = received[i - 1]
      if (!before || epochOf(before.id) !== epochOf(id)) continue
      expect(sequenceOf(id), `${client} receives everything in order`).toBeGreaterThan(
        sequenceOf(before.id),
      )
    }
    const all = new Set(got)
    const lost = due.filter(({ id, data }) => id !== undefined && !all.has(data))
    if (gaps.length === 0) {
      expect(lost, `${client} loses nothing without a gap`).toEqual([])
    }
    return lost.length
  }
}
