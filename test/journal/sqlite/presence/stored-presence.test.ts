/** Which clients are online outlives an object, and so do hooks that have not settled. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../../../src/core/address.ts'
import { type Objects, type SqliteHarness, startObjects } from '../../../support/sqlite-journals.ts'

const GRACE_MS = 5_000

let objects: Objects
beforeAll(async () => {
  objects = await startObjects()
})
afterAll(() => objects.close())

/** An object whose hub follows its clients. */
async function follow() {
  const harness = await objects.open()
  const { call, advance } = harness
  await call('followClients', GRACE_MS)
  return {
    harness,
    call,
    connect: (...clients: string[]) => call('update', clients, true),
    leave: (...clients: string[]) => call('update', clients, false),
    pass: async (ms: number) => {
      await advance(ms)
      await call('tick')
    },
    /** @param elsewhere - clients that belong to another object now */
    restart: async (...elsewhere: string[]) => {
      await call('restart')
      await call('followClients', GRACE_MS, [], elsewhere)
    },
    rows: async () => await call('count', 'presence'),
  }
}

/** Milliseconds until the alarm. */
const untilAlarm = ({ alarm, now }: SqliteHarness) => (alarm ?? Number.NaN) - now

describe('a client', () => {
  test('is online with its first connection, offline some time after its last, and stored in between', async () => {
    const { harness, connect, leave, pass, rows } = await follow()
    await connect('alice')
    await pass(1_000)
    expect(harness.reports).toEqual(['alice+ 0'])
    expect(await rows()).toBe(1)
    await leave('alice')
    await pass(GRACE_MS - 1)
    expect(harness.reports).toHaveLength(1)
    await pass(1)
    expect(harness.reports).toEqual(['alice+ 0', 'alice- 6'])
    expect(await rows()).toBe(0)
  })

  test('that is back in time was never offline', async () => {
    const { harness, connect, leave, pass } = await follow()
    await connect('alice')
    await leave('alice')
    await pass(GRACE_MS - 1)
    await connect('alice')
    await pass(60_000)
    expect(harness.reports).toEqual(['alice+ 0'])
  })

  test('is offline when the hub has closed', async () => {
    const { harness, call, connect, rows } = await follow()
    await connect('alice', 'bob')
    await call('closeHub')
    expect(harness.reports).toEqual(['alice+ 0', 'bob+ 0', 'alice- 0', 'bob- 0'])
    expect(await rows()).toBe(0)
  })
})

describe('after a restart', () => {
  test('those who do not return go offline once, and those who do stay online without a report', async () => {
    const { harness, call, connect, leave, pass, restart, rows } = await follow()
    await connect('alice', 'bob', 'carol', 'dave')
    await leave('dave')
    await pass(1_000)
    await restart()
    await pass(2_000)
    await connect('bob')
    await pass(7_000)
    await connect('carol')
    await leave('carol')
    await pass(1_000 + GRACE_MS - 1)
    expect(harness.reports.slice(4)).toEqual(['carol- 15'])
    expect(await call('onlineAmong', ['alice', 'bob', 'carol', 'eve'])).toEqual(['alice', 'bob'])
    await pass(1)
    expect(harness.reports.slice(5).toSorted()).toEqual(['alice- 16', 'dave- 16'])
    await pass(60_000)
    expect(harness.reports).toHaveLength(7)
    expect(await rows()).toBe(1)
  })

  test('a second one in between changes nothing but the time', async () => {
    const { harness, connect, pass, restart } = await follow()
    await connect('alice')
    await restart()
    await pass(9_000)
    await restart()
    await pass(10_000 + GRACE_MS - 1)
    expect(harness.reports).toEqual(['alice+ 0'])
    await pass(1)
    expect(harness.reports).toEqual(['alice+ 0', 'alice- 24'])
  })

  test('what its hook had not confirmed is reported again, as of the same time', async () => {
    const { harness, call, connect, leave, pass, restart, rows } = await follow()
    await connect('alice', 'bob')
    await call('holdHooks')
    await leave('alice')
    await pass(GRACE_MS)
    await connect('carol')
    await restart()
    expect(harness.reports.slice(2)).toEqual(['alice- 5', 'carol+ 5', 'carol+ 5'])
    await pass(10_000)
    expect(harness.reports.slice(5)).toEqual(['alice- 5'])
    await restart()
    expect(harness.reports).toHaveLength(6)
    expect(await rows()).toBe(2)
  })

  test('who returns is not reported offline because it was before', async () => {
    const { harness, call, connect, leave, pass, restart } = await follow()
    await connect('alice')
    await call('holdHooks')
    await leave('alice')
    await pass(GRACE_MS)
    await restart()
    await pass(9_000)
    await connect('alice')
    await pass(60_000)
    expect(harness.reports.slice(2)).toEqual(['alice+ 14'])
  })

  test('times go on from the latest that was reported, also if the clock is behind', async () => {
    const { harness, connect, pass, restart } = await follow()
    await pass(20_000)
    await connect('alice')
    await restart()
    await harness.advance(-3_600_000)
    await restart()
    await pass(60_000)
    expect(harness.reports).toEqual(['alice+ 20', 'alice- 20'])
  })

  test('what has changed meanwhile is not reported again', async () => {
    const { harness, call, connect, leave, pass, restart } = await follow()
    await connect('alice')
    await call('holdHooks')
    await leave('alice')
    await pass(GRACE_MS)
    await call('restart')
    // The first request of the new object is that of the client.
    await call('followClients', GRACE_MS, ['alice'])
    expect(harness.reports).toEqual(['alice+ 0', 'alice- 5', 'alice+ 5'])
    await restart()
    expect(harness.reports).toHaveLength(3)
  })
})

describe('a client that belongs to another object for a while', () => {
  test('is reported online when it returns to this one, and those who stayed are not', async () => {
    const { harness, connect, pass, restart } = await follow()
    await connect('alice', 'bob')
    await restart('alice')
    await restart()
    await pass(1_000)
    await connect('alice', 'bob')
    await pass(60_000)
    expect(harness.reports).toEqual(['alice+ 0', 'bob+ 0', 'alice+ 1'])
    await restart()
    await connect('alice', 'bob')
    await pass(60_000)
    expect(harness.reports).toHaveLength(3)
  })

  test('also if it was not reported before it left, which is then up to the other', async () => {
    const { harness, call, connect, restart } = await follow()
    await call('holdHooks')
    await connect('alice')
    await restart('alice')
    await restart()
    expect(harness.reports).toEqual(['alice+ 0'])
    await connect('alice')
    expect(harness.reports).toHaveLength(2)
  })

  test('is offline if it does not return', async () => {
    const { harness, connect, pass, restart, rows } = await follow()
    await connect('alice')
    await restart('alice')
    await restart()
    await pass(10_000 + GRACE_MS)
    expect(harness.reports).toEqual(['alice+ 0', 'alice- 15'])
    expect(await rows()).toBe(0)
  })
})

describe('a hook that returns a promise', () => {
  test.each(['resolved', 'rejected'])('is reported once it is %s', async (outcome) => {
    const { harness, call, connect, restart } = await follow()
    await call('holdHooks')
    await connect('alice')
    await call('settleHooks', outcome)
    await restart()
    expect(harness.reports).toEqual(['alice+ 0'])
  })

  test('confirms nothing that was reported after its call', async () => {
    const { harness, call, connect, leave, pass, restart } = await follow()
    await call('holdHooks')
    await connect('alice')
    await leave('alice')
    await pass(GRACE_MS)
    await call('settleHooks', 'resolved', 1)
    await restart()
    await pass(10_000)
    expect(harness.reports).toEqual(['alice+ 0', 'alice- 5', 'alice- 5'])
  })
})

describe('a hook that never settles', () => {
  test('keeps the object in memory for an hour, and is called again after a restart', async () => {
    const { harness, call, connect, leave, pass, restart } = await follow()
    await connect('alice')
    await call('holdHooks')
    await leave('alice')
    await pass(GRACE_MS + 3_600_000)
    await call('fireAlarm')
    expect([untilAlarm(harness), harness.isAwake]).toEqual([15_000, true])
    await pass(20_000)
    const { alarms } = harness
    await call('fireAlarm')
    expect([harness.alarms, harness.isAwake]).toEqual([alarms, false])
    await restart()
    await pass(10_000)
    expect(harness.reports).toEqual(['alice+ 0', 'alice- 5', 'alice- 5'])
  })
})

describe('the alarm', () => {
  test('is set while a client is online: after a crash, it wakes the object within 15 seconds', async () => {
    const { harness, call, connect, restart, pass } = await follow()
    expect(harness.alarm).toBeNull()
    await connect('alice')
    expect(untilAlarm(harness)).toBe(15_000)
    await pass(15_000)
    await call('fireAlarm')
    expect([untilAlarm(harness), harness.isAwake]).toEqual([15_000, false])
    await pass(5_000)
    await connect('bob')
    expect(untilAlarm(harness)).toBe(10_000)
    await restart()
    expect(untilAlarm(harness)).toBe(5_000)
  })

  test('keeps the object in memory until nobody is about to go offline', async () => {
    const { harness, call, connect, leave, pass } = await follow()
    await connect('alice')
    await pass(10_000)
    await leave('alice')
    expect(untilAlarm(harness)).toBe(5_000)
    await pass(1_000)
    await call('fireAlarm')
    expect(harness.isAwake).toBe(true)
    await call('holdHooks')
    await pass(GRACE_MS)
    expect([harness.reports.length, harness.isAwake]).toEqual([2, true])
    await call('settleHooks', 'resolved')
    expect(harness.isAwake).toBe(false)
    await pass(15_000)
    const { alarms } = harness
    await call('fireAlarm')
    expect([harness.alarms, harness.isAwake]).toEqual([alarms, false])
  })

  test('ends when a client connects, and after 15 seconds, when it is due again', async () => {
    const { harness, call, connect, leave, pass } = await follow()
    await call('holdHooks')
    await connect('alice')
    await leave('alice')
    await pass(GRACE_MS)
    await call('fireAlarm')
    expect([untilAlarm(harness), harness.isAwake]).toEqual([15_000, true])
    await pass(14_999)
    expect(harness.isAwake).toBe(true)
    await pass(1)
    expect([untilAlarm(harness), harness.isAwake]).toEqual([0, false])
    await call('fireAlarm')
    expect(harness.isAwake).toBe(true)
    await connect('bob')
    expect(harness.isAwake).toBe(false)
  })

  test('for an event that is evicted later does not replace that of the clients', async () => {
    const { harness, connect, restart } = await follow()
    await connect('alice')
    await restart()
    await harness.journal.append(clientKey('alice'), { data: 'a' })
    expect(untilAlarm(harness)).toBe(5_000)
  })

  test('is set once each time it fires, also if events and names are evicted later', async () => {
    const { harness, call, connect, pass } = await follow()
    await connect('alice')
    await harness.journal.append(clientKey('alice'), { data: 'a' })
    await harness.journal.backplane.useOnce('name', 600_000)
    await pass(15_000)
    const { alarms } = harness
    await call('fireAlarm')
    expect([harness.alarms - alarms, untilAlarm(harness)]).toEqual([1, 15_000])
  })
})

test('storage that fails ends no report, and is an error', async () => {
  const { harness, call, connect, leave, pass } = await follow()
  await call('failStatements', 'presence')
  await connect('alice')
  await leave('alice')
  await pass(GRACE_MS)
  expect(harness.reports).toEqual(['alice+ 0', 'alice- 5'])
  expect(new Set(harness.errors)).toEqual(new Set(['Error: disk is full']))
  await call('failStatements', '')
  await connect('bob')
  expect(harness.reports).toHaveLength(3)
})

describe('storage that fails for a while', () => {
  /** An object that reports that alice is offline, which it can't store. */
  async function loseOffline() {
    const object = await follow()
    await object.connect('alice')
    await object.leave('alice')
    await object.call('failStatements', 'INSERT INTO presence')
    await object.pass(GRACE_MS)
    await object.call('failStatements', '')
    expect(object.harness.reports).toEqual(['alice+ 0', 'alice- 5'])
    return object
  }

  test('keeps the object in memory no longer', async () => {
    const { harness, call, pass, rows } = await loseOffline()
    await pass(60_000)
    const { alarms } = harness
    await call('fireAlarm')
    expect([await rows(), harness.isAwake, harness.alarms]).toEqual([0, false, alarms])
  })

  test('hides no client that returns', async () => {
    const { harness, connect, pass, restart } = await loseOffline()
    await restart()
    await connect('alice')
    await pass(60_000)
    expect(harness.reports.slice(2)).toEqual(['alice+ 5'])
  })

  test('forgets no client that was reported online meanwhile', async () => {
    const { harness, call, connect, pass, restart } = await follow()
    await call('holdHooks')
    await call('failStatements', 'INSERT INTO presence')
    await connect('alice')
    await call('failStatements', '')
    await call('settleHooks', 'resolved')
    await restart()
    await pass(60_000)
    expect(harness.reports).toEqual(['alice+ 0', 'alice- 15'])
  })
})

test('a hub without these hooks stores nothing, and sets no alarm', async () => {
  const harness = await objects.open()
  await harness.call('fireAlarm')
  expect([harness.alarm, harness.isAwake]).toEqual([null, false])
  expect(await harness.call('onlineAmong', ['alice'])).toEqual([])
  await expect(harness.call('count', 'presence')).rejects.toThrow('no such table')
})

test('a client that comes and goes writes four rows', async () => {
  const { call, connect, leave, pass } = await follow()
  await call('rows')
  await connect('bob')
  await leave('bob')
  await pass(GRACE_MS)
  const { written } = (await call('rows')) as { written: number }
  expect(written).toBe(4)
})
