/** Measures how much memory a server on Node uses, without garbage. */
import { until } from './eventually.ts'
import type { Server } from './process.ts'

/** The options of Node with which a server reports its memory. */
export const HEAP_OPTIONS = '--expose-gc --import=./test/support/heap.mjs'

/** The bytes that a server uses: on the heap, and outside of it. */
export async function memoryOf(
  server: Server,
  timeoutMs?: number,
): Promise<{ readonly heap: number; readonly external: number }> {
  const before = server.stderr.length
  const report = () => /heap (\d+) external (\d+)\n/.exec(server.stderr.slice(before))
  server.signal('SIGUSR2')
  await until('the server reports its memory', () => report() !== null, timeoutMs)
  const [, heap, external] = report() ?? []
  return { heap: Number(heap), external: Number(external) }
}
