/** Starts workers that listen on the same port with `SO_REUSEPORT`: the kernel spreads connections over them. */
import { fork } from 'node:child_process'
import type { Fork } from '../../server/process/server-adapter.ts'

/** Starts this program again, with the same arguments. */
export const forkBun: Fork = (environment) => {
  const [, script = '', ...args] = process.argv
  const worker = fork(script, args, {
    execPath: process.execPath,
    env: { ...process.env, ...environment },
    // Frames are bytes, and JSON would make text of them.
    serialization: 'advanced',
  })
  // A message to a process that has ended is dropped.
  worker.on('error', () => {})
  return {
    send: (message) => {
      if (worker.connected) worker.send(message as object, () => {})
    },
    onMessage: (listener) => void worker.on('message', listener),
    onEnd: (listener) => {
      worker.once('exit', listener)
      // It could not be started: the machine lacks memory, or allows no further process.
      if (worker.pid === undefined) listener(null, null)
    },
    kill: () => void worker.kill('SIGKILL'),
  }
}
