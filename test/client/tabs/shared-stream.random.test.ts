/** Random programs of tabs, networks and hubs: every tab has every event of its topics once, or was told of a gap. */
import { expect, test } from 'vitest'
import type { Gap } from '../../../src/client/stream-types.ts'
import { seeded } from '../../support/seeded-random.ts'
import { createTabWorld, type Tab, type TabWorld } from '../../support/tab-world.ts'

/** How many programs are played. */
const SEEDS = Number(process.env.SEEDS ?? 60)
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 1)

/** What was published, in order. */
interface Published {
  readonly topic: string | undefined
  readonly isEphemeral: boolean
  readonly restarts: number
}

/** A gap, and how many events had been published when it was reported: any of those may be missing. */
interface ReportedGap {
  readonly reason: Gap['reason']
  readonly at: number
}

/** A tab, and what happened to it: the number of an event, or a gap. */
interface Player extends Tab {
  readonly topics: readonly string[]
  readonly timeline: (number | ReportedGap)[]
  readonly openedAfter: number
  /** What was published when it was first live. */
  liveAt: number
  is: 'running' | 'hanging' | 'suspended' | 'gone'
}

interface Game {
  readonly world: TabWorld
  readonly published: Published[]
  readonly players: Player[]
  readonly log: string[]
  restarts: number
}

const TOPICS = [[], [], ['news'], ['sport'], ['news', 'sport']]

const ACTIONS: Readonly<Record<string, (game: Game, player: Player) => unknown>> = {
  close: (_, player) => {
    player.stream.close()
    player.is = 'gone'
  },
  crash: (_, player) => {
    player.tab.crash()
    player.is = 'gone'
  },
  hang: (_, player) => {
    player.tab.hang()
    player.is = 'hanging'
  },
  suspend: (_, player) => {
    player.tab.suspend()
    player.is = 'suspended'
  },
  throttle: (_, { tab }) => tab.throttle(),
  wake: (_, { tab }) => tab.wake(),
  lose: (_, { network }) => network(false),
  find: (_, { network }) => network(true),
  disconnect: ({ world }) => world.hub.disconnect('alice'),
  cut: ({ world }) => world.cut(),
  offline: ({ world }) => world.offline(true),
  online: ({ world }) => world.offline(false),
  shutdown: (game) => restart(game, 'shutdown'),
  kill: (game) => restart(game, 'kill'),
}

async function restart(game: Game, how: 'shutdown' | 'kill'): Promise<void> {
  game.restarts += 1
  await game.world.restart(how)
}

async function publish(game: Game, topic: string | undefined, isEphemeral: boolean): Promise<void> {
  const { world, published, restarts } = game
  published.push({ topic, isEphemeral, restarts })
  await world.publish(String(published.length - 1), topic, isEphemeral)
}

async function openTab(game: Game, random: () => number): Promise<void> {
  const { world, published, players, restarts } = game
  const topics = TOPICS[Math.floor(random() * TOPICS.length)] ?? []
  const tab = await world.openTab({ topics, ...(random() < 0.5 && { ticket: world.ticket }) })
  const player: Player = {
    ...tab,
    topics,
    timeline: [],
    openedAfter: restarts,
    liveAt: Number.POSITIVE_INFINITY,
    is: 'running',
  }
  const note = () => {
    if (tab.stream.status.state === 'live')
      player.liveAt = Math.min(player.liveAt, published.length)
  }
  note()
  tab.stream.onStatus(note)
  tab.stream.onAny(({ data }) => player.timeline.push(Number(data)))
  tab.stream.onGap(({ reason }) => player.timeline.push({ reason, at: published.length }))
  players.push(player)
}

/** Plays a random program, and lets all tabs recover. */
async function play(seed: number): Promise<Game> {
  const random = seeded(seed)
  const journal = random() < 0.3 ? { maxEvents: 4 } : {}
  const world = createTabWorld(journal)
  const game: Game = { world, published: [], players: [], log: [], restarts: 0 }
  const { players, log } = game
  const names = Object.keys(ACTIONS)
  for (let step = 0; step < 60; step += 1) {
    for (let n = Math.floor(3 * random()); n > 0; n -= 1) {
      await publish(game, [undefined, 'news', 'sport'][Math.floor(3 * random())], random() < 0.2)
    }
    const present = players.filter(({ is }) => is !== 'gone')
    const player = present[Math.floor(random() * present.length)]
    const name = names[Math.floor(random() * names.length)] ?? ''
    if (random() < 0.25 && present.length < 6) {
      log.push(`open ${players.length}`)
      await openTab(game, random)
    } else if (player?.is === 'running') {
      log.push(`${name} ${players.indexOf(player)}`)
      await ACTIONS[name]?.(game, player)
    } else if (player) {
      log.push(`recover ${players.indexOf(player)}`)
      recover(player)
    }
    const ms = Math.floor((random() < 0.3 ? 20_000 : 300) * random())
    log.push(`advance ${ms} of ${game.published.length}`)
    await world.clock.advance(ms)
  }
  world.offline(false)
  for (const player of players) {
    player.network(true)
    recover(player)
  }
  await world.clock.advance(400_000)
  for (const isEphemeral of [true, false]) {
    for (const topic of [undefined, 'news', 'sport']) await publish(game, topic, isEphemeral)
  }
  return game
}

function recover(player: Player): void {
  if (player.is === 'gone') return
  if (player.is === 'hanging') player.tab.thaw()
  if (player.is === 'suspended') player.tab.resume()
  player.is = 'running'
}

/** What is wrong with a tab's timeline. */
function faultsOf({ published, restarts }: Game, player: Player): string[] {
  const { topics, timeline, liveAt, openedAfter, stream } = player
  const faults: string[] = []
  if (stream.status.state !== 'live') faults.push(`is ${JSON.stringify(stream.status)}`)
  const follows = (n: number) => {
    const { topic } = published[n] as Published
    return topic === undefined || topics.includes(topic)
  }
  const numbers = timeline.filter((item) => typeof item === 'number')
  // An ephemeral event may arrive twice, or not at all, while a tab joins the others.
  const stored = numbers.filter((n) => !published[n]?.isEphemeral)
  if (new Set(stored).size < stored.length) faults.push('has an event twice')
  if (!numbers.every(follows)) faults.push('has an event of another topic')
  // A tab that joins others may get more, from the cursor of the shared stream on.
  let last = Math.min(liveAt, ...numbers) - 1
  let gaps: ReportedGap[] = []
  let coveredTo = 0
  for (const item of timeline) {
    if (typeof item !== 'number') {
      gaps.push(item)
      coveredTo = item.at
    } else if (!published[item]?.isEphemeral) {
      if (item < last) faults.push(`has ${item} after ${last}`)
      for (let n = Math.max(last + 1, liveAt); n < item; n += 1) {
        if (follows(n) && !published[n]?.isEphemeral && n >= coveredTo) faults.push(`lacks ${n}`)
      }
      const ago = (published[item]?.restarts ?? 0) - (published[last]?.restarts ?? openedAfter)
      const epochs = gaps.filter(({ reason }) => reason === 'epoch').length
      if (last >= liveAt && ago > 0 && epochs === 0)
        faults.push(`was not told of the restart before ${item}`)
      // A tab that joins one that is not live may be told of the other's gap.
      const ownGaps = gaps.filter((gap) => gap !== timeline[0] && gap.reason === 'epoch').length
      if (ownGaps > ago) faults.push(`was told of ${epochs} of ${ago} restarts before ${item}`)
      last = item
      gaps = []
    }
  }
  const missed = published.length - 6
  if (published.some((_, n) => n >= missed && follows(n) && !numbers.includes(n))) {
    faults.push('lacks one of the last events')
  }
  if (
    restarts === openedAfter &&
    timeline.slice(1).some((item) => typeof item !== 'number' && item.reason === 'epoch')
  )
    faults.push('has a gap without a restart')
  return faults
}

test.each(Array.from({ length: SEEDS }, (_, n) => n + FIRST_SEED))(
  'after a random program every tab has every event once: seed %d',
  async (seed) => {
    const game = await play(seed)
    const left = game.players.filter(({ is }) => is !== 'gone')
    for (const player of left) {
      const name = game.players.indexOf(player)
      const story = () => `${game.log.join('\n')}\ntab ${name}: ${JSON.stringify(player.timeline)}`
      const faults = faultsOf(game, player)
      expect(faults, faults.length > 0 ? story() : '').toEqual([])
    }
    expect(game.world.connections()).toBe(left.length > 0 ? 1 : 0)
  },
)
