/** Waits for a state of things, however busy the machine is. */
import { vi } from 'vitest'

const PATIENCE_MS = 15_000

/** Resolves once the check passes; rejects with its last complaint. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: PATIENCE_MS, interval: 20 })
}
