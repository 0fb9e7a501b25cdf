/** Stands in for wrangler: Durable Objects in this process, on Node's SQLite, because a mutant can't be switched on inside workerd. */
import { DatabaseSync } from 'node:sqlite'
import { ROWS_PER_EVENT } from '../bench/scaling.ts'
import { Hub } from '../support/sqlite-object.ts'

/** What the tests of the SQLite journal use of a worker: each URL is an object of its own. */
export function unstable_startWorker() {
  const objects = new Map()
  return { ready: Promise.resolve(), fetch, dispose: async () => objects.clear() }

  function fetch(url, init) {
    const object = objects.get(url) ?? new Hub({ storage: openStorage() })
    objects.set(url, object)
    return object.fetch(new Request(url, init))
  }
}

function openStorage() {
  const database = new DatabaseSync(':memory:')
  return { sql: { exec }, transactionSync, setAlarm: async () => {} }

  function exec(query, ...values) {
    // Only `exec` runs several statements, as the schemas are.
    if (query.includes('CREATE')) database.exec(query)
    const rows = query.includes('CREATE') ? [] : database.prepare(query).all(...values)
    for (const row of rows) {
      for (const [name, value] of Object.entries(row)) if (value?.buffer) row[name] = value.buffer
    }
    // Only workerd counts the rows that it reads and writes.
    const rowsWritten = query.startsWith('INSERT INTO entries') ? ROWS_PER_EVENT : 0
    return Object.assign(rows, { rowsRead: 0, rowsWritten })
  }

  function transactionSync(work) {
    database.exec('BEGIN')
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }
}
