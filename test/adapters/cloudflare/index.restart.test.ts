/** A Durable Object that is killed and restarts: its clients miss nothing. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { listen, requestJson, textBody } from '../../support/client.ts'
import { publishedData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { createWorkerStorage, type WorkerStorage } from '../../support/worker/edge.ts'

// A test starts workerd twice, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000 })

let disk: WorkerStorage | undefined
afterEach(() => disk?.remove())

interface Published {
  readonly id: string
  readonly connections: number
}

test('clients of an object that was killed resume after its restart, completely and in order', async () => {
  disk = createWorkerStorage()
  const before = await disk.start()
  const alice = await listen(before.url, 'id=alice&topic=news')
  const { id } = await requestJson<Published>(`${before.url}/clients/alice`, textBody('one'))
  await alice.next(({ data }) => data === 'one')
  await requestJson(`${before.url}/topics/news`, textBody('two'))
  await requestJson(`${before.url}/clients/bob`, textBody('not hers'))
  const { id: last } = await requestJson<Published>(`${before.url}/broadcast`, textBody('three'))
  await requestJson(`${before.url}/clients/mallory?block=3600`, { method: 'DELETE' })
  await before.kill()
  await alice.end()

  const { url } = await disk.start()
  const back = await listen(url, 'id=alice&topic=news', id)
  expect(back.ready.resume).toBe('complete')
  const { id: next } = await requestJson<Published>(`${url}/clients/alice`, textBody('four'))
  await back.next(({ data }) => data === 'four')
  expect(publishedData(back)).toEqual(['two', 'three', 'four'])
  const [epoch, sequence] = last.split('-')
  expect(next.split('-')[0]).toBe(epoch)
  expect(Number(next.split('-')[1])).toBeGreaterThan(Number(sequence))
  await back.close()
  // A block outlives the object's memory, too.
  expect((await fetch(`${url}/sse?id=mallory`)).status).toBe(204)
})

test('an alarm evicts old events while no client is connected, and the gap is reported', async () => {
  disk = createWorkerStorage()
  const { folder } = disk
  const { url } = await disk.start({ JOURNAL_SECONDS: '1' })
  const { id } = await requestJson<Published>(`${url}/clients/carol`, textBody('one'))
  await requestJson(`${url}/clients/carol`, textBody('two'))
  await until('no event is on disk', () => entriesOn(folder) === 0)
  const back = await listen(url, 'id=carol', id)
  expect(back.ready.resume).toBe('gap')
  await back.close()
})

/** How many events are in the object's database file, read by another program. */
function entriesOn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const file = files.find((path) => /-Hub\/[0-9a-f]{64}\.sqlite$/.test(path)) ?? ''
  const script = `
    const { Database } = await import('bun:sqlite')
    const db = new Database(process.argv[1], { readonly: true })
    console.log(db.query('SELECT count(*) AS count FROM entries').get().count)`
  const { stdout } = spawnSync('node_modules/.bin/bun', ['-e', script, join(folder, file)])
  return stdout.toString() === '' ? Number.NaN : Number(stdout.toString())
}
