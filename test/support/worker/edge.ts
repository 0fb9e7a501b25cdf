/** Starts the Workers door on a disk of the test's own, and ends it as a deploy would: without a word. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { type Reader, readEvents } from '../reader.ts'

/** A Worker that listens. */
export interface Edge {
  readonly url: string
  /** Cuts it off. */
  kill(): Promise<void>
}

/** A folder in which objects keep what they store. */
export interface Disk {
  readonly folder: string
  start(environment?: Readonly<Record<string, string>>): Promise<Edge>
  /** Ends all that were started on it, and deletes it. */
  remove(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Makes an empty disk. */
export function createDisk(): Disk {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-edge-'))
  const edges: Edge[] = []
  return {
    folder,
    start: async (environment = {}) => {
      const edge = await startEdge({ PERSIST: folder, ...environment })
      edges.push(edge)
      return edge
    },
    remove: async () => {
      for (const edge of edges) await edge.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function startEdge(environment: Readonly<Record<string, string>>): Promise<Edge> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, ['test/support/worker/edge.mjs'], {
    cwd: ROOT,
    env: { PATH, HOME, CLOCK_SECONDS: '0', ALLOW_ANONYMOUS: 'true', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, so that workerd ends with it.
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) throw new Error('Node can’t be started.')
  const exit = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const cut = () => {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
  process.once('exit', cut)
  const kill = async () => {
    cut()
    await exit
    process.off('exit', cut)
  }
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const [, found] = /(http:\/\/\S+?)\/?\n/.exec(text) ?? []
      if (found) resolve(found)
    })
    void exit.then(() => reject(new Error(`No Worker: ${text}`)))
  })
  return { url, kill }
}

/** An open stream, whose `hub:ready` has been read. */
export interface Listener extends Reader {
  readonly ready: { readonly client: string; readonly resume: string }
}

/** Opens `/sse?query`. */
export async function listen(url: string, query: string, headers = {}): Promise<Listener> {
  const response = await fetch(`${url}/sse?${query}`, { headers })
  expect(response.status).toBe(200)
  const reader = readEvents(response)
  const first = await reader.next(({ event }) => event === 'hub:ready')
  return Object.assign(reader, { ready: JSON.parse(first.data) })
}

/** The JSON of an answer. */
export async function ask<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, init)
  expect(response.status).toBe(200)
  return (await response.json()) as T
}

/** A request that publishes text. */
export function text(data: string, headers = {}): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'text/plain', ...headers }, body: data }
}

/** The data of what was published. */
export function dataOf({ events }: Reader): string[] {
  return events.filter(({ event }) => event === undefined).map(({ data }) => data)
}

/** Looks again and again until it is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`In 15 s it did not happen: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
