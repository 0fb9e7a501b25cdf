/** A crowd of hopping clients, a flood of numbered events, and the reckoning at the end. */
import { expect } from 'vitest'
import type { Instance } from './instance.ts'
import { createHopper, type Hopper } from './roaming-client.ts'
import { post } from './wire.ts'

/** An event that was published, and what became of it. */
interface Sent {
  readonly path: string
  readonly data: string
  /** Undefined when nobody said that it is stored. */
  readonly id: string | undefined
}

/** What the reckoning found. */
export interface Reckoning {
  readonly acknowledged: number
  readonly refused: number
  readonly heard: number
  readonly visits: number
  /** Clients that were told a gap. */
  readonly gapped: number
  /** Events that were acknowledged, and that a client did not get. */
  readonly lost: number
}

/** What a crowd does. */
export interface Crowd {
  /** Resolves when each client has been on a stream. */
  arrive(): Promise<void>
  /** Publishes so many numbered events through instances at random; `at` is called with how many are out. */
  flood(count: number, at?: (sent: number) => void): Promise<void>
  /** Waits until all have heard the last word, and compares what each got with what it should have. */
  reckon(): Promise<Reckoning>
  stop(): void
}

const TOPICS = 10
const PUBLISHERS = 24
const BROADCAST_SHARE = 0.01
const TOPIC_SHARE = 0.09

/** Makes a crowd. */
export function createCrowd(instances: readonly Instance[], size: number): Crowd {
  const hoppers = Array.from({ length: size }, (_, i) =>
    createHopper(`client-${i}`, `topic-${i % TOPICS}`, pick),
  )
  const sent: Sent[] = []
  return {
    arrive: async () => void (await Promise.all(hoppers.map(({ arrived }) => arrived))),
    flood,
    reckon,
    stop: () => {
      for (const hopper of hoppers) hopper.stop()
    },
  }

  function pick(): string | undefined {
    const up = instances.flatMap(({ url }) => (url ? [url] : []))
    return up[Math.floor(Math.random() * up.length)]
  }

  async function flood(count: number, at: (sent: number) => void = () => {}): Promise<void> {
    let next = 0
    const publisher = async () => {
      while (next < count) {
        next += 1
        at(next)
        await publish(somewhere(), `${sent.length}-${next}`)
      }
    }
    await Promise.all(Array.from({ length: PUBLISHERS }, publisher))
  }

  function somewhere(): string {
    const dice = Math.random()
    if (dice < BROADCAST_SHARE) return '/broadcast'
    if (dice < BROADCAST_SHARE + TOPIC_SHARE) {
      return `/topics/topic-${Math.floor(Math.random() * TOPICS)}`
    }
    return `/clients/client-${Math.floor(Math.random() * size)}`
  }

  async function publish(path: string, data: string): Promise<boolean> {
    const url = pick()
    const answer = url ? await post(url + path, data) : undefined
    if (answer && answer.status !== 200) {
      expect(answer).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) })
    }
    const stored = answer?.status === 200
    const id = stored ? (JSON.parse(answer.body) as { id: string }).id : undefined
    sent.push({ path, data, id })
    if (stored) return true
    // Whoever is refused waits a little, as Retry-After says in seconds.
    await new Promise((resolve) => setTimeout(resolve, 50))
    return false
  }

  async function reckon(): Promise<Reckoning> {
    const last = `the last word ${Math.random()}`
    // A refused last word may have been stored: each try has another.
    let tries = 0
    while (!(await publish('/broadcast', `${last} ${tries}`))) tries += 1
    await Promise.all(hoppers.map(({ hears }) => hears(`${last} ${tries}`)))
    const found = hoppers.map((hopper) => check(hopper))
    const sum = (numbers: readonly number[]) => numbers.reduce((one, other) => one + other, 0)
    const acknowledged = sent.filter(({ id }) => id !== undefined).length
    return {
      acknowledged,
      refused: sent.length - acknowledged,
      heard: sum(hoppers.map(({ heard }) => heard.length)),
      visits: sum(hoppers.map(({ visits }) => visits)),
      gapped: hoppers.filter(({ gaps }) => gaps.length > 0).length,
      lost: sum(found),
    }
  }

  /** How many events this client lost, each of them told; anything else is a failure. */
  function check({ client, topic, heard, gaps }: Hopper): number {
    const mine = new Set(['/broadcast', `/clients/${client}`, `/topics/${topic}`])
    const due = sent.filter(({ path }) => mine.has(path))
    const known = new Set(due.map(({ data }) => data))
    const got = heard.map(({ data }) => data)
    expect(
      got.filter((data) => !known.has(data)),
      `${client} hears nothing of others`,
    ).toEqual([])
    expect(got.length, `${client} hears nothing twice`).toBe(new Set(got).size)
    for (const [i, { id }] of heard.entries()) {
      const before = heard[i - 1]
      if (!before || epochOf(before.id) !== epochOf(id)) continue
      expect(sequenceOf(id), `${client} hears all in order`).toBeGreaterThan(sequenceOf(before.id))
    }
    const all = new Set(got)
    const lost = due.filter(({ id, data }) => id !== undefined && !all.has(data))
    if (gaps.length === 0) {
      expect(lost, `${client} loses nothing that it is not told`).toEqual([])
    }
    return lost.length
  }
}

function epochOf(id: string): string {
  return id.slice(0, id.lastIndexOf('-'))
}

function sequenceOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1))
}
