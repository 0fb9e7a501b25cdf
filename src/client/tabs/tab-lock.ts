/** The lock of a shared stream: one tab holds it at a time. */
import type { Locks } from '../browser.ts'

/** One tab's claim to the lock. */
export interface TabLock {
  /** Waits for the lock, after the tabs that wait already; or takes it at once from a tab that no longer responds. */
  claim(steal?: boolean): void
  /** Releases the lock, and stops waiting for it. */
  release(): void
}

/**
 * Creates a claim.
 * @param onHeld - this tab has the lock
 * @param onStolen - another tab took it away
 * @param onDenied - the browser denies locks, for example in a sandboxed frame
 */
export function createTabLock(
  name: string,
  locks: Locks,
  onHeld: () => void,
  onStolen: () => void,
  onDenied: () => void,
): TabLock {
  let abort = new AbortController()
  return { claim, release: () => abort.abort() }

  function claim(steal = false): void {
    abort.abort()
    abort = new AbortController()
    const { signal } = abort
    const hold = () =>
      new Promise<unknown>((resolve) => {
        signal.addEventListener('abort', resolve)
        if (signal.aborted) resolve(undefined)
        else onHeld()
      })
    // The API allows no signal with `steal`.
    locks.request(name, steal ? { steal } : { signal }, hold).catch((error: unknown) => {
      if (signal.aborted) return
      // https://www.w3.org/TR/web-locks/#dom-lockmanager-request
      if (Object(error).name === 'AbortError') onStolen()
      else onDenied()
    })
  }
}
