/** Keeps other servers off a port that workers share: with `SO_REUSEPORT`, the kernel would let them listen as well. */
import { createServer } from 'node:net'

/**
 * Locks a port until this process ends, or until the function that it resolves with is called. Other systems than
 * Linux let no two servers listen.
 * @throws a system error with the code `EADDRINUSE` if another process has locked it
 * @see https://man7.org/linux/man-pages/man7/unix.7.html - the abstract namespace, which needs no file
 */
export function lockPort(host: string, port: number): Promise<() => void> {
  if (process.platform !== 'linux') return Promise.resolve(() => {})
  return new Promise((resolve, reject) => {
    const lock = createServer((socket) => socket.destroy())
    lock.unref()
    lock.once('error', reject)
    lock.listen(`\0hono-sse:${host}:${port}`, () => resolve(() => lock.close()))
  })
}
