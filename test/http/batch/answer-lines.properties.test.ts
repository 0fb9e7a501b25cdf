/** For any lines, cut anywhere: a batch does what the same requests do one by one. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAppHarness, post } from '../../support/app-harness.ts'
import { type Answer, openBatch } from '../../support/batch.ts'

const name = fc.constantFrom('alice', 'bob', 'näme', '🙂', '.', '')
const event = fc.oneof(
  { weight: 5, arbitrary: fc.record({ data: fc.jsonValue() }) },
  fc.record(
    {
      data: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue(), fc.constant('x'.repeat(90))),
      event: fc.constantFrom('inbox', 'open', 'a\nb', 7),
      ephemeral: fc.constantFrom(true, false, 'no'),
      more: fc.constant(1),
    },
    { requiredKeys: [] },
  ),
)
const address = fc.oneof(
  fc.constant('everyone'),
  fc.record({ client: name }),
  fc.record({ topic: name }),
)
/** Longer than any line with the names of a thousand recipients. */
const tooLong = 'x'.repeat(520_000)
const noEvent = fc.constantFrom('', ' \t', '{', '[]', 'null', '{"data":1e999}', tooLong)

interface Step {
  readonly to: 'everyone' | { readonly client?: string; readonly topic?: string }
  /** The event as JSON, or what is none. */
  readonly text: string
}
const step: fc.Arbitrary<Step> = fc.record({
  to: address,
  text: fc.oneof({ weight: 4, arbitrary: event.map((one) => JSON.stringify(one)) }, noEvent),
})

/** The line of a step: the same event with its address. */
function lineOf({ to, text }: Step): string {
  if (!/^\{./.test(text)) return text
  return `{"to":${JSON.stringify(to)}${text === '{}' ? '' : ','}${text.slice(1)}`
}

function pathOf({ to }: Step): string {
  if (to === 'everyone') return '/broadcast'
  const [kind, id] = to.client === undefined ? ['topics', to.topic] : ['clients', to.client]
  return `/${kind}/${encodeURIComponent(id ?? '')}`
}

/** What a publisher can rely on: a problem says the same in other words where the event has an address. */
function essence({ status, connections, id }: Answer): unknown {
  return status === undefined ? { connections, sequence: String(id).split('-')[1] } : status
}

test('a batch does what the same requests do one by one', async () => {
  const limits = { maxEventBytes: 500 }
  const cuts = fc.array(fc.nat(400), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      cuts,
      fc.boolean(),
      async (steps, at, isEnded) => {
        // A URL can't name these, nor can a line that is blank be answered.
        const usable = steps.filter(({ to, text }) => {
          const named = Object.values(Object(to === 'everyone' ? {} : to))
          return !named.some((one) => one === '' || one === '.') && text.trim() !== ''
        })
        const one = createAppHarness(limits)
        const batch = createAppHarness(limits)
        const listeners = await Promise.all(
          [one, batch].map((set) => set.listen('/sse?id=alice&topic=bob')),
        )
        const singles: unknown[] = []
        for (const each of usable) {
          const response = await one.request(pathOf(each), post(each.text, 'application/json'))
          singles.push(essence((await response.json()) as Answer))
        }
        const body = usable.map(lineOf).join('\n') + (isEnded && usable.length > 0 ? '\n' : '')
        const sent = openBatch(batch.app.request, '/publish', batch.clock)
        for (const chunk of cut(new TextEncoder().encode(body), at)) sent.send(chunk)
        sent.end()
        if (usable.length === 0) {
          expect((await sent.response).status).toBe(400)
          return
        }
        expect((await sent.rest()).map(essence)).toEqual(singles)
        for (const { clock } of [one, batch]) await clock.runPending()
        const [expected, actual] = listeners.map(({ events }) =>
          events.slice(1).map(({ id, ...rest }) => ({ ...rest, sequence: id?.split('-')[1] })),
        )
        expect(actual).toEqual(expected)
      },
    ),
    { numRuns: 60 },
  )
})

/** Cuts bytes at these places, also in the middle of a character. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.filter((one) => one < bytes.length).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.slice(at[index], end))
}
