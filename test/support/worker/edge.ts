/** Starts the Workers adapter with storage of the test's own, and kills it without warning, as a deployment would. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A running Worker. */
export interface RunningWorker {
  readonly url: string
  /** Kills it and waits until it is gone. */
  kill(): Promise<void>
}

/** A folder with the storage of the objects. */
export interface WorkerStorage {
  readonly folder: string
  start(environment?: Readonly<Record<string, string>>): Promise<RunningWorker>
  /** Kills every Worker that was started on it, and deletes it. */
  remove(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Creates an empty disk. */
export function createWorkerStorage(): WorkerStorage {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-edge-'))
  const edges: RunningWorker[] = []
  return {
    folder,
    start: async (environment = {}) => {
      const edge = await startWorker({ PERSIST: folder, ...environment })
      edges.push(edge)
      return edge
    },
    remove: async () => {
      for (const edge of edges) await edge.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function startWorker(environment: Readonly<Record<string, string>>): Promise<RunningWorker> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, ['test/support/worker/edge.mjs'], {
    cwd: ROOT,
    env: { PATH, HOME, CLOCK_SECONDS: '0', ALLOW_ANONYMOUS: 'true', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    // In a process group of its own, so that workerd is killed with it.
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) throw new Error('Node did not start.')
  const exit = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const killGroup = () => {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
  process.once('exit', killGroup)
  const kill = async () => {
    killGroup()
    await exit
    process.off('exit', killGroup)
  }
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const [, found] = /(http:\/\/\S+?)\/?\n/.exec(text) ?? []
      if (found) resolve(found)
    })
    void exit.then(() => reject(new Error(`The Worker did not start: ${text}`)))
  })
  return { url, kill }
}
