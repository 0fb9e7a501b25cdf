/** Runs the objects of SQLite journals in workerd. */
import { createWorkerStorage } from './worker/edge.ts'

/** The running objects: each path leads to one of its own. */
export interface SqliteWorker {
  fetch(path: string, init: RequestInit): Promise<Response>
  close(): Promise<void>
}

/** Starts workerd with an empty disk. */
export async function startSqliteWorker(): Promise<SqliteWorker> {
  const disk = createWorkerStorage()
  const { url } = await disk.start({ ENTRYPOINT: 'test/support/sqlite-object.ts' })
  return { fetch: (path, init) => fetch(url + path, init), close: disk.remove }
}
