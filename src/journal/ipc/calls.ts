/** Calls: numbers what this process asks the holder, and matches the answers. */
import { HubError, type HubErrorCode } from '../../core/errors.ts'
import { unavailable } from '../unavailable.ts'

/** The calls that wait for an answer. */
export interface Calls {
  /** Makes a call. @param send - sends it with its number. Rejects with `journal-unavailable` if the holder has ended. */
  make<T>(send: (call: number) => void): Promise<T>
  resolve(call: number, value: unknown): void
  fail(call: number, code: HubErrorCode, message: string): void
  /** Rejects all calls with `journal-unavailable`. @param what - the predicate of the message */
  failAll(what: string): void
  /** Rejects all calls, and those that follow. */
  close(): void
}

interface Call {
  resolve(value: never): void
  reject(error: unknown): void
}

const CLOSED = 'is closed'

/** Creates the calls of one process. */
export function createCalls(): Calls {
  const pending = new Map<number, Call>()
  let count = 0
  let closed = false
  return {
    make: (send) =>
      new Promise((resolve, reject) => {
        if (closed) throw unavailable(CLOSED)
        count += 1
        pending.set(count, { resolve, reject })
        send(count)
      }),
    resolve: (call, value) => take(call)?.resolve(value as never),
    fail: (call, code, message) => take(call)?.reject(new HubError(code, message)),
    failAll,
    close: () => {
      closed = true
      failAll(CLOSED)
    },
  }

  function failAll(what: string): void {
    for (const { reject } of pending.values()) reject(unavailable(what))
    pending.clear()
  }

  function take(call: number): Call | undefined {
    const found = pending.get(call)
    pending.delete(call)
    return found
  }
}
