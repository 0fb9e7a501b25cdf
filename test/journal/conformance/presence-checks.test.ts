/** The checks of presence fail for one that breaks its promise. */
import { expect, test } from 'vitest'
import { type OnlineClients, presenceChecks } from '../../../src/journal/conformance/index.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { createSharedPresence } from '../../support/shared-presence.ts'

type Break = (online: OnlineClients) => Partial<OnlineClients>

/** The names of the checks that fail. @param isShared - whether the hubs have one presence */
async function failures(broken: Break, isShared = true): Promise<string[]> {
  const failed: string[] = []
  for (const { name, run } of presenceChecks((count) => open(count, broken, isShared))) {
    await run().catch(() => failed.push(name))
  }
  return failed
}

async function open(count: number, broken: Break, isShared: boolean) {
  const clock = manualClock()
  const shared = createSharedPresence()
  const journals = Array.from({ length: count }, () => {
    const { follow } = isShared ? shared : createSharedPresence()
    const presence = {
      follow: (init: Parameters<typeof follow>[0]) => {
        const online = follow(init)
        return { ...online, ...broken(online) }
      },
    }
    const backplane = {
      presence,
      request: async () => ({ responses: [], asked: 0 }),
      useOnce: () => true,
    }
    return { ...createMemoryJournal({ clock }), backplane }
  })
  const eventually = async (condition: () => boolean) => {
    if (!condition()) throw new Error('It does not hold.')
  }
  return { journals, clock, eventually, advance: clock.advance }
}

test('presence in memory passes every check', async () => {
  expect(await failures(() => ({}))).toEqual([])
})

test.each<[string, Break, boolean, RegExp]>([
  ['reports nothing', () => ({ update: () => {} }), true, /first connection/],
  ['knows one hub only', () => ({}), false, /first connection/],
  ['knows one hub only', () => ({}), false, /another hub in time/],
  [
    'leaves clients online when all hubs have closed',
    () => ({ close: () => {} }),
    true,
    /last hub/,
  ],
])('presence that %s fails a check', async (_, broken, isShared, name) => {
  expect(await failures(broken, isShared)).toContainEqual(expect.stringMatching(name))
})
