/** The lock of a shared stream: one tab holds it at a time. */
import type { Locks } from '../browser.ts'

/** One tab's claim to the lock. */
export interface TabLock {
  /** Waits for the lock, after the tabs that wait already. */
  request(): void
  /** Takes the lock from a tab that no longer responds. */
  steal(): void
  /** Releases the lock, and stops waiting for it. */
  release(): void
}

/** What happens to a claim. */
export interface TabLockHandlers {
  /** This tab has the lock. */
  onHeld(): void
  /** Another tab took it away. */
  onStolen(): void
  /** The browser denies locks, for example in a sandboxed frame. */
  onDenied(): void
}

/** Creates a claim. */
export function createTabLock(
  name: string,
  locks: Locks,
  { onHeld, onStolen, onDenied }: TabLockHandlers,
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
    locks.request(name, steal ? { steal } : { signal }, hold).catch((error: unknown) => {
      if (signal.aborted) return
      // https://www.w3.org/TR/web-locks/#dom-lockmanager-request
      if (Object(error).name === 'AbortError') onStolen()
      else onDenied()
    })
  }
}
