/** Measures how much memory the tests' own process uses, without garbage. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The bytes of all objects on the heap of this thread that are in use. */
export async function usedHeap(): Promise<number> {
  // What the last test used may be in use until the event loop turns, and what finalizers keep, until the next collection.
  for (let n = 0; n < 2; n++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  return process.memoryUsage().heapUsed
}
