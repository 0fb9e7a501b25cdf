/** Whatever clients and the receiver do, the last word of the receiver about each client is the truth. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createWebhooks } from '../../src/webhooks/webhooks.ts'
import { manualClock } from '../support/clock.ts'
import { WEBHOOK_SECRET } from '../support/webhook-receiver.ts'

/** What the receiver does with a request: it may handle it and yet fail to say so. */
type Answer = 'ok' | 'refused' | 'handled, then 500' | 'lost' | 'handled, then lost' | 'slow'

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('change' as const),
        client: fc.nat(4),
        instance: fc.nat(1),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        answer: fc.constantFrom<Answer>(
          ...([
            'ok',
            'refused',
            'handled, then 500',
            'lost',
            'handled, then lost',
            'slow',
          ] as const),
        ),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('wait' as const),
        ms: fc.integer({ min: 0, max: 30_000 }),
      }),
    },
  ),
  { maxLength: 40 },
)

interface SentEvent {
  readonly type: string
  readonly timestamp: string
  readonly data: { readonly client: string }
}

/** A receiver that keeps for each client what it was told last, unless it was told something newer before. */
function modelReceiver(clock: ReturnType<typeof manualClock>) {
  const byArrival = new Map<string, string>()
  const byTime = new Map<string, { type: string; timestamp: string }>()
  let answer: Answer = 'ok'
  let concurrent = 0
  const about = new Map<string, number>()
  return {
    byArrival,
    byTime,
    get mostAtOnce() {
      return concurrent
    },
    setAnswer: (next: Answer) => {
      answer = next
    },
    fetch: async (_: string, { body, signal }: RequestInit): Promise<Response> => {
      const sent = JSON.parse(`${body}`) as SentEvent & { data: { events?: SentEvent[] } }
      const events = sent.data.events ?? [sent]
      for (const { data } of events) {
        const now = (about.get(data.client) ?? 0) + 1
        about.set(data.client, now)
        concurrent = Math.max(concurrent, now)
      }
      try {
        return await respond(answer, signal as AbortSignal, () => {
          for (const { type, timestamp, data } of events) {
            byArrival.set(data.client, type)
            const last = byTime.get(data.client)
            if (!last || last.timestamp <= timestamp) byTime.set(data.client, { type, timestamp })
          }
        })
      } finally {
        for (const { data } of events) about.set(data.client, (about.get(data.client) ?? 0) - 1)
      }
    },
  }

  async function respond(how: Answer, signal: AbortSignal, handle: () => void): Promise<Response> {
    if (how === 'slow') {
      await new Promise<void>((resolve) => {
        const cancel = clock.every(2_000, () => {
          cancel()
          resolve()
        })
      })
    }
    if (how === 'ok' || how === 'slow' || how.startsWith('handled')) handle()
    if (how.endsWith('lost')) {
      return await new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    }
    return new Response(null, { status: how === 'ok' || how === 'slow' ? 200 : 500 })
  }
}

test.each([
  ['one instance', 1, 1],
  ['two instances', 2, 1],
  ['one instance that sends batches', 1, 3],
  ['two instances that send batches', 2, 3],
])('the last word of %s about each client is the truth', async (_, count, maxBatch) => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.infiniteStream(fc.double({ min: 0, max: 0.99, noNaN: true })),
      async (all, numbers) => {
        const clock = manualClock()
        const receiver = modelReceiver(clock)
        const instances = Array.from({ length: count }, () =>
          createWebhooks({
            url: 'https://receiver.example',
            secret: WEBHOOK_SECRET,
            clock,
            fetch: receiver.fetch,
            maxBatch,
            random: () => numbers.next().value as number,
          }),
        )
        const waiting = () => instances.reduce((sum, { stats }) => sum + stats.waiting, 0)
        let changes = 0
        const truth = new Map<string, string>()
        for (const step of all) {
          if (step.kind === 'answer') receiver.setAnswer(step.answer)
          else if (step.kind === 'wait') {
            await signed()
            await clock.advance(step.ms)
          } else {
            const client = `client-${step.client}`
            const isOnline = truth.get(client) !== 'client.online'
            truth.set(client, isOnline ? 'client.online' : 'client.offline')
            changes += 1
            const hooks = instances[step.instance % count]?.hooks
            // The presence that instances share orders what they report.
            if (isOnline) void hooks?.onClientOnline(client, clock.now() + changes)
            else void hooks?.onClientOffline(client, clock.now() + changes)
          }
        }
        receiver.setAnswer('ok')
        for (let n = 0; n < 100 && waiting() > 0; n++) {
          await signed()
          await clock.advance(10_000)
        }

        if (count === 1) expect(receiver.byArrival).toEqual(truth)
        expect(new Map([...receiver.byTime].map(([client, { type }]) => [client, type]))).toEqual(
          truth,
        )
        expect(receiver.mostAtOnce).toBeLessThanOrEqual(count)
        const done = instances.map(({ stats }) => stats.delivered + stats.replaced)
        expect(done.reduce((sum, one) => sum + one, 0)).toBe(changes)
        expect(clock.timers).toBe(0)
      },
    ),
    { numRuns: 100 },
  )
})

/** Signatures are made beside the event loop, and the clock that is turned by hand must not overtake them. */
let signing = 0
const { sign } = crypto.subtle
beforeAll(() => {
  vi.spyOn(crypto.subtle, 'sign').mockImplementation(async (...args) => {
    signing += 1
    return await sign.apply(crypto.subtle, args).finally(() => {
      signing -= 1
    })
  })
})
afterAll(() => {
  vi.restoreAllMocks()
})

/** Resolves when all signatures that were begun are made. */
async function signed(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve))
  while (signing > 0)
}
