/** A set of names that expire: at the exact time, and within a bound. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createExpiringSet } from '../../src/core/expiring-set.ts'
import { createHub } from '../../src/hub/hub.ts'
import { internalsOf } from '../../src/hub/internals.ts'
import { manualClock } from '../support/clock.ts'
import { usedHeap } from '../support/used-heap.ts'

describe('a name', () => {
  test('stays until it expires, without a timer', async () => {
    const clock = manualClock()
    const set = createExpiringSet(clock)
    set.add('a', 1_000)
    expect(clock.timers).toBe(0)
    expect([set.has('a'), set.has('b')]).toEqual([true, false])
    await clock.advance(999)
    expect(set.has('a')).toBe(true)
    await clock.advance(1)
    expect(set.has('a')).toBe(false)
  })

  test('that is added again expires later', async () => {
    const clock = manualClock()
    const set = createExpiringSet(clock)
    set.add('a', 1_000)
    await clock.advance(900)
    set.add('a', 1_000)
    await clock.advance(900)
    expect(set.has('a')).toBe(true)
  })

  test('over the bound is refused, and no other name is dropped', async () => {
    const clock = manualClock()
    const set = createExpiringSet(clock, { max: 2 })
    set.add('a', 1_000)
    set.add('b', 2_000)
    const full = expect.objectContaining({ name: 'HubError', code: 'at-capacity' })
    expect(() => set.add('c', 1_000)).toThrow(full)
    set.add('a', 1_000)
    expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([true, true, false])
    await clock.advance(1_000)
    set.add('c', 1_000)
    expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([false, true, true])
  })
})

describe('a full set', () => {
  const MAX = 100_000

  function msOf(work: () => void): number {
    const begin = performance.now()
    work()
    return performance.now() - begin
  }

  /** Milliseconds that 5,000 additions take. */
  function additionsMs(add: (at: number) => void): number {
    return msOf(() => {
      for (let at = 0; at < 5_000; at++) add(at)
    })
  }

  test('is not searched for each name, whether it is present, one too many, or follows one that expires', () => {
    let now = 0
    const set = createExpiringSet({ ...manualClock(), monotonic: () => now })
    const names = new Map<string, number>()
    for (let at = 0; at < MAX; at++) {
      set.add(`a${at}`, 10_000 + at)
      names.set(`a${at}`, at)
    }
    let sum = 0
    const searchMs = msOf(() => {
      for (const at of names.values()) sum += at
    })
    expect(sum).toBeGreaterThan(0)
    const present = additionsMs((at) => set.add(`a${at}`, 1_000_000))
    let refusals = 0
    const refused = additionsMs((at) => {
      try {
        set.add(`b${at}`, 1_000)
      } catch {
        refusals += 1
      }
    })
    now = 15_000
    const replaced = additionsMs((at) => {
      now += 1
      set.add(`c${at}`, 1_000_000)
    })
    expect(refusals).toBe(5_000)
    expect([set.has('a20000'), set.has('a7000')]).toEqual([true, false])
    // 5,000 searches would take ten times as long.
    for (const ms of [present, refused, replaced]) expect(ms).toBeLessThan(500 * searchMs)
  })

  test('that a name is added to again drops the name that expires first', () => {
    const set = createExpiringSet(manualClock(), { max: 2, whenFull: 'drop' })
    set.add('a', 3_000)
    set.add('b', 1_000)
    set.add('b', 4_000)
    set.add('c', 2_000)
    expect(['a', 'b', 'c'].filter(set.has)).toEqual(['b', 'c'])
    set.add('d', 1_000)
    expect(['a', 'b', 'c', 'd'].filter(set.has)).toEqual(['b', 'd'])
  })
})

describe('names that expire together', () => {
  /** A set of `a0` to `a999`, which have all expired. */
  async function expired(max = 100_000) {
    const clock = manualClock()
    const set = createExpiringSet(clock, { max })
    for (let n = 0; n < 1_000; n++) set.add(`a${n}`, 1_000)
    await clock.advance(1_000)
    return set
  }

  test('are removed in parts, so that no addition takes long', async () => {
    const set = await expired()
    expect(set.size).toBe(1_000)
    set.add('b0', 1_000)
    expect([set.size, set.has('a999'), set.has('b0')]).toEqual([901, false, true])
    for (let n = 1; n < 10; n++) set.add(`b${n}`, 1_000)
    expect(set.size).toBe(10)
  })

  test('make room for as many others', async () => {
    const set = await expired(1_000)
    for (let n = 0; n < 1_000; n++) set.add(`b${n}`, 1_000)
    expect(() => set.add('c', 1_000)).toThrow(expect.objectContaining({ code: 'at-capacity' }))
    expect(set.size).toBe(1_000)
  })

  test('can be added again before they are removed', async () => {
    const set = await expired()
    for (let n = 999; n >= 900; n--) set.add(`a${n}`, 1_000 + n)
    expect(set.size).toBe(100)
    const names = Array.from({ length: 1_000 }, (_, n) => `a${n}`)
    expect(names.filter(set.has)).toEqual(names.slice(900))
  })
})

test('ten times as many names as the bound leave as many as the bound', () => {
  for (const whenFull of ['refuse', 'drop'] as const) {
    const set = createExpiringSet(manualClock(), { max: 10, whenFull })
    const names = Array.from({ length: 100 }, (_, n) => `${n}`)
    for (const [n, name] of names.entries()) {
      try {
        set.add(name, 1_000 + n)
      } catch {
        expect(whenFull).toBe('refuse')
      }
    }
    const kept = whenFull === 'refuse' ? names.slice(0, 10) : names.slice(-10)
    expect(names.filter(set.has)).toEqual(kept)
  }
})

test('a name that is added many times takes the room of one', async () => {
  const set = createExpiringSet(manualClock(), { max: 3, whenFull: 'drop' })
  const before = await usedHeap()
  for (let n = 0; n < 200_000; n++) set.add('a', 1_000_000 - n)
  // The bound keeps about a hundred of them; all together take more than 10 MB.
  expect((await usedHeap()) - before).toBeLessThan(4_000_000)
  // Used here, so that the set is not garbage above.
  expect(set.has('a')).toBe(true)
})

test('the name that expires first is dropped, however often another one was added', () => {
  for (let times = 1; times <= 250; times++) {
    const set = createExpiringSet(manualClock(), { max: 3, whenFull: 'drop' })
    set.add('a', 9_000)
    set.add('b', 2_000)
    set.add('c', 1_000)
    for (let n = 0; n < times; n++) set.add('a', 8_000 - n)
    set.add('d', 3_000)
    expect([...'abcd'].filter(set.has)).toEqual(['a', 'b', 'd'])
    set.add('e', 4_000)
    expect([...'abcde'].filter(set.has)).toEqual(['a', 'd', 'e'])
  }
})

test('a set has the same names as a naive one, for any additions', () => {
  const additions = fc.array(
    fc.record({ name: fc.constantFrom(...'abcdefgh'), ms: fc.nat(50), pause: fc.nat(20) }),
    { maxLength: 400, size: 'max' },
  )
  fc.assert(
    fc.property(additions, (plan) => {
      let now = 0
      const set = createExpiringSet({ ...manualClock(), monotonic: () => now }, { max: 4 })
      const naive = new Map<string, number>()
      for (const { name, ms, pause } of plan) {
        now += pause
        for (const [known, expiry] of naive) if (expiry <= now) naive.delete(known)
        const isFull = naive.size >= 4 && !naive.has(name)
        let refused = false
        try {
          set.add(name, ms)
          naive.set(name, now + ms)
        } catch {
          refused = true
        }
        const names = [...'abcdefgh']
        const kept = names.filter((one) => (naive.get(one) ?? 0) > now)
        if (refused !== isFull || names.filter(set.has).join() !== kept.join()) return false
      }
      return true
    }),
  )
})

test('a hub without a backplane lets a name be used once, and again after it has expired', async () => {
  const clock = manualClock()
  const { useOnce } = internalsOf(createHub({ clock }))
  expect(await useOnce('ticket', 1_000)).toBe(true)
  expect(await useOnce('ticket', 1_000)).toBe(false)
  expect(await useOnce('another', 1_000)).toBe(true)
  await clock.advance(1_000)
  expect(await useOnce('ticket', 1_000)).toBe(true)
})
