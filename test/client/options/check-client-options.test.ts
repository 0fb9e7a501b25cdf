/** Wrong options of a stream are errors at once, and nothing opens. */
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ClientOptions } from '../../../src/client/client-stream.ts'
import { connect } from '../../../src/client/connect.ts'
import { typed } from '../../../src/client/event-schema.ts'
import { manualClock } from '../../support/clock.ts'

test.each<[object, RegExp]>([
  [{ topic: ['news'] }, /no option "topic"/],
  [{ url: 5 }, /option url .* string or a URL/],
  [{ url: 'not a url', fetch: undefined }, /option url .* must be absolute/],
  [{ topics: 'news' }, /topics .* array of strings/],
  [{ client: null }, /client .* string/],
  [{ ticket: 'abc' }, /ticket .* function/],
  [{ headers: { Authorization: 'Bearer a' } }, /headers .* function/],
  [{ credentials: 'yes' }, /credentials .* include/],
  [{ lastEventId: 'a\nb' }, /lastEventId .* id of an event/],
  [{ share: 1 }, /share/],
  [{ events: { a: 3 } }, /events .* Standard Schemas/],
  [{ events: typed<number> }, /events .* Standard Schemas/],
  [{ signal: {} }, /signal .* AbortSignal/],
  [{ onError: true }, /onError .* function/],
])('the option in %j is refused before a stream opens', async (wrong, message) => {
  const clock = manualClock()
  const send = vi.fn<typeof fetch>()
  const open = () =>
    connect({ url: 'http://hub/sse', clock, fetch: send, ...wrong } as ClientOptions)
  expect(open).toThrow(TypeError)
  expect(open).toThrow(message)
  await clock.runPending()
  expect(send).not.toHaveBeenCalled()
  expect(clock.timers).toBe(0)
})

test("options that can be used are accepted, also with a fetch of one's own and a relative URL", () => {
  const send = vi.fn<typeof fetch>()
  const { signal } = new AbortController()
  const rest = { credentials: 'include', share: 'me', lastEventId: null, signal } as const
  const stream = connect({ url: '/sse', fetch: send, clock: manualClock(), ...rest })
  onTestFinished(stream.close)
  expect(stream.status.state).toBe('connecting')
})
