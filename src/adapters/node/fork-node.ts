/**
 * Starts workers with `node:cluster`, and decides how they share a port: the kernel spreads connections over them,
 * or, with an older Node or another system than Linux, the first process accepts and hands them out in turn.
 */
import cluster, { type Worker } from 'node:cluster'
import type { Fork } from '../../server/process/server-adapter.ts'

/** How a worker listens. Only some versions of Node have the option, and only some systems spread connections. */
export const PORT_SHARING: { readonly reusePort?: true } = canReusePort() ? { reusePort: true } : {}

/** @see https://nodejs.org/docs/latest-v24.x/api/net.html#serverlistenoptions-callback */
function canReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const hasOption = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
  return hasOption && process.platform === 'linux'
}

/** Starts this program again, with the same arguments. */
export const forkNode: Fork = (environment) => {
  // Frames are bytes, and JSON would make text of them.
  cluster.setupPrimary({ serialization: 'advanced' })
  const worker = cluster.fork(environment)
  // A message to a process that has ended is dropped.
  worker.on('error', () => {})
  closeLostConnection(worker)
  return {
    send: (message) => {
      if (worker.isConnected()) worker.send(message as object, () => {})
    },
    onMessage: (listener) => void worker.on('message', listener),
    onEnd: (listener) => {
      worker.once('exit', listener)
      // It could not be started: the machine lacks memory, or allows no further process.
      if (worker.process.pid === undefined) listener(null, null)
    },
    kill: () => void worker.process.kill('SIGKILL'),
  }
}

/** A connection, as Node hands it to a worker. Closing it twice does nothing. */
interface Handle {
  close(): void
}

/**
 * A connection that was handed to a worker which then ended is left open by Node, and its client would wait for
 * ever: closed, it connects again. A worker is handed one at a time.
 * https://github.com/nodejs/node/blob/v20.20.2/lib/internal/cluster/round_robin_handle.js
 */
function closeLostConnection({ process }: Worker): void {
  let latest: Handle | undefined
  const send = process.send.bind(process) as (...args: unknown[]) => boolean
  process.send = (...args: unknown[]) => {
    const [message, handle] = args
    if (Object(message).act === 'newconn') latest = handle as Handle
    return send(...args)
  }
  process.once('exit', () => latest?.close())
}
