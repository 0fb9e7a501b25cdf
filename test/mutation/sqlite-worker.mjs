/** Stands in for workerd: Durable Objects in this process, on Node's SQLite, because a mutant can't be switched on inside workerd. */
import { DatabaseSync } from 'node:sqlite'
import { ROWS_PER_EVENT } from '../bench/scaling.ts'
import { Hub } from '../support/sqlite-object.ts'

/** Replaces sqlite-worker.ts: each path is an object of its own. */
export async function startSqliteWorker() {
  const objects = new Map()
  return { fetch, close: async () => objects.clear() }

  function fetch(path, init) {
    const object = objects.get(path) ?? new Hub({ storage: openStorage() })
    objects.set(path, object)
    return object.fetch(new Request(`http://object${path}`, init))
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
    // Unlike BEGIN, it may be within another one.
    database.exec('SAVEPOINT work')
    try {
      return work()
    } catch (error) {
      database.exec('ROLLBACK TO work')
      throw error
    } finally {
      database.exec('RELEASE work')
    }
  }
}
