/** The lock of a shared stream: one tab holds it at a time. */
import type { Locks } from '../browser.ts'

/** One tab's claim to the lock. */
export interface TabLock {
  /** Waits for the lock. */
  request(): void
  /** Takes the lock from a tab that no longer responds. */
  steal(): void
  /** Releases the lock, and stops waiting for it. */
  release(): void
}

/** Creates a claim. `onHeld` is called when this tab gets the lock, `onStolen` when another takes it away. */
export function createTabLock(
  name: string,
  locks: Locks,
  { onHeld, onStolen }: { onHeld(): void; onStolen(): void },
): TabLock {
  let end = () => {}
  return { request: () => claim(false), steal: () => claim(true), release: () => end() }

  function claim(steal: boolean): void {
    end()
    const abort = new AbortController()
    const { signal } = abort
    const released = new Promise<void>((resolve) => {
      end = () => {
        abort.abort()
        resolve()
      }
    })
    const hold = async () => {
      if (!signal.aborted) onHeld()
      await released
    }
    // The API allows no signal with `steal`.
    locks.request(name, steal ? { steal } : { signal }, hold).catch(() => {
      if (!signal.aborted) onStolen()
    })
  }
}
