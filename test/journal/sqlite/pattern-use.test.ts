/** Patterns in SQLite: stored from when one is followed, and reported as incomplete after a version that did not know them. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressKeys } from '../../../src/core/address.ts'
import { checkPatterns, patternScenario } from '../../support/pattern-model.ts'
import { type Objects, startObjects } from '../../support/sqlite-journals.ts'

const AB = addressKeys({ topic: 'a/b' })
const EVENT = { data: 'x' }

describe('patterns in SQLite', () => {
  let objects: Objects
  beforeAll(async () => {
    objects = await startObjects()
  })
  afterAll(() => objects.close())

  test('find the events for whatever topics they cover', async () => {
    const { journal } = await objects.open()
    let run = 0
    await fc.assert(
      fc.asyncProperty(patternScenario, async (scenario) => {
        run += 1
        await checkPatterns([journal], scenario, `run-${run}`)
      }),
      { numRuns: 20 },
    )
  })

  test('cost nothing before one is followed, and let older versions in', async () => {
    const { journal, call } = await objects.open()
    const rowsOf = async (keys: Parameters<typeof journal.append>[0]) => {
      await call('rows')
      await journal.append(keys, EVENT)
      return ((await call('rows')) as { readonly written: number }).written
    }
    await journal.append(AB, EVENT)
    expect(await rowsOf(AB)).toBe(await rowsOf('t:a/b'))
    expect([await call('format'), await call('count', 'recipients')]).toEqual([1, 0])
    await journal.read(['t:a/b'], 'earliest', 1e6)
    await journal.append(['t:a/b', 'p:a/**', 'p:a/*', 'c:x'], EVENT)
    expect(await call('count', 'recipients')).toBe(2)
    await journal.read(['p:a/*'], undefined, 1e6)
    await journal.append(AB, EVENT)
    expect(await call('count', 'recipients')).toBe(5)
  })

  test.each([false, true])(
    'have no gap after a restart (retained events evicted: %s)',
    async (evicts) => {
      const { journal, call } = await objects.open({ maxRetainedBytes: 1_000 })
      const retained = { data: 'x'.repeat(600), replace: true, retain: true }
      await journal.append('c:bob', { ...retained, key: 'before' })
      if (evicts) await journal.append('c:bob', { ...retained, key: 'first' })
      await journal.read(['p:a/*'], undefined, 1e6)
      const { id } = await journal.append(AB, EVENT)
      await journal.append(AB, EVENT)
      if (evicts) await journal.append('c:bob', { ...retained, key: 'second' })
      await call('restart')
      const { gap, entries } = await journal.read(['p:a/*'], id, 1e6)
      expect([gap, entries.length]).toEqual([undefined, 1])
    },
  )

  test('cost rows for each pattern once they are in use, as the page on scaling says', async () => {
    const { journal, call, advance } = await objects.open({ maxAgeMs: 60_000 })
    await journal.read(['p:a/*'], undefined, 1e6)
    const rowsWith = async (keys: Parameters<typeof journal.append>[0]) => {
      // The addresses are known already.
      for (let n = 0; n < 2; n++) {
        await call('rows')
        await journal.append(keys, EVENT)
        await advance(60_001)
        await call('prune')
      }
      return ((await call('rows')) as { readonly written: number }).written
    }
    expect(await rowsWith('t:a')).toBe(6)
    expect(await rowsWith(AB)).toBe(23)
    expect(await rowsWith(addressKeys({ topic: 'a/b/c' }))).toBe(29)
  })

  test('are complete over restarts, but not over that of an older version', async () => {
    const { journal, call } = await objects.open()
    const { end } = await journal.read(['p:a/*'], undefined, 1e6)
    const first = await journal.append(AB, EVENT)
    await call('restart')
    const second = await journal.append(AB, EVENT)
    const read = async (key: string, cursor: string) => {
      const { gap, entries } = await journal.read([key], cursor, 1e6)
      return [gap, entries.map(({ id }) => id)]
    }
    expect(await read('p:a/*', end.id)).toEqual([undefined, [first.id, second.id]])
    // As an older version does when it starts.
    await call('exec', 'UPDATE head SET start = start + 5000000')
    await call('restart')
    const third = await journal.append(AB, EVENT)
    expect(await read('p:a/*', second.id)).toEqual(['evicted', [third.id]])
    expect(await read('t:a/b', second.id)).toEqual([undefined, [third.id]])
    expect(await read('p:a/*', third.id)).toEqual([undefined, []])
    await call('restart')
    expect(await read('p:a/*', third.id)).toEqual([undefined, []])
  })

  test('are in use only once that is stored', async () => {
    const { journal, call } = await objects.open()
    await call('failStatements', 'INSERT INTO patterns')
    await expect(journal.read(['p:a/*'], undefined, 1e6)).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await call('failStatements')
    const { id } = await journal.append(AB, EVENT)
    expect(await call('count', 'recipients')).toBe(0)
    await journal.read(['p:a/*'], undefined, 1e6)
    expect((await journal.read(['p:a/*'], id, 1e6)).gap).toBe(undefined)
  })
})
