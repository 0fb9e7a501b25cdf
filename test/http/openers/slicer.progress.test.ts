/** The progress of a slow reader of a large event, as a transport shows it that reports whole writes only. */
import { expect, test } from 'vitest'
import { Progress } from '../../../src/core/progress.ts'
import { type Outlet, SLICE_BYTES, Slicer } from '../../../src/http/openers/slicer.ts'

const EVENT_BYTES = 250_000
const TWO_HEARTBEATS_MS = 30_000

/** A transport that accepts what `accept` allows, and calls back when a whole write is accepted. */
function fakeOutlet() {
  const writes: { left: number; readonly bytes: number; readonly accepted?: () => void }[] = []
  const outlet: Outlet = {
    destroyed: false,
    get writableLength() {
      return writes.reduce((sum, { bytes }) => sum + bytes, 0)
    },
    write: ({ byteLength: bytes }, accepted) => {
      writes.push({ left: bytes, bytes, ...(accepted && { accepted }) })
      return false
    },
    once: () => {},
  }
  return { outlet, accept }

  function accept(bytes: number): void {
    const [first] = writes
    if (!first) return
    first.left -= bytes
    if (first.left > 0) return
    writes.shift()
    first.accepted?.()
    accept(-first.left)
  }
}

test.each([5_000, 600])(
  'a reader of %i bytes per second over HTTP/1.1 is never stalled',
  async (rate) => {
    const { outlet, accept } = fakeOutlet()
    const slicer = new Slicer(outlet, SLICE_BYTES.http1)
    const progress = new Progress()
    void slicer.write(new Uint8Array(EVENT_BYTES))
    for (let second = 1; slicer.unsentBytes > 0; second++) {
      accept(rate)
      await new Promise(setImmediate)
      const stalledMs = progress.stalledMs(EVENT_BYTES, slicer.unsentBytes, second * 1_000)
      expect(stalledMs).toBeLessThan(TWO_HEARTBEATS_MS)
    }
  },
)
