/** Refusals of a Worker that calls `hubOf` for each request. */
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ObjectNamespace } from '../../../src/adapters/cloudflare/platform.ts'

// Only workerd has it.
vi.mock('cloudflare:workers', () => ({ DurableObject: class {} }))

test('beyond 1,000 goodbyes that wait, the oldest is sent, whichever call of hubOf it came from', async () => {
  // Nothing is sent because a second has passed.
  vi.useFakeTimers({ toFake: ['setInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { hubOf } = await import('../../../src/adapters/cloudflare/index.ts')
  const HUB = {
    idFromName: () => ({}),
    get: () => ({
      permit: async () => {
        throw Object.assign(new Error('overloaded'), { overloaded: true, retryable: true })
      },
    }),
  } as unknown as ObjectNamespace
  const sent: number[] = []
  for (let n = 0; n < 1_001; n++) {
    const request = new Request('https://hub.example/events')
    const response = await hubOf({ HUB }).open(request, { client: 'alice' })
    void response.text().then(() => sent.push(n))
  }
  await new Promise(setImmediate)
  expect(sent).toEqual([0])
})
