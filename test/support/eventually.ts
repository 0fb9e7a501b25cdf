/** Waits for a condition, however busy the machine is. */
import { vi } from 'vitest'

const TIMEOUT_MS = 60_000
const INTERVAL_MS = 20

/** Resolves once the check passes; rejects with its last error. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: TIMEOUT_MS, interval: INTERVAL_MS })
}

/** Resolves once the condition is true. @param what - names the condition in the error */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))
  }
}
