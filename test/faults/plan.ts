/** The plan of a run: the seed decides the server, its bounds, the clients, the publishers and the faults. */
import { seeded } from '../support/seeded-random.ts'

/** What is tested: runtimes, a way to open streams, and a journal. */
export interface Cell {
  /** One server; or, on Redis, two instances. */
  readonly runtimes: readonly ('node' | 'bun' | 'deno' | 'worker')[]
  readonly opener: 'native' | 'portable'
  readonly journal: 'memory' | 'redis' | 'sqlite'
}

/** How a client treats one stream, and for how long it stays away afterwards. */
export interface StreamPlan {
  /** Bytes of the body after which it takes no more. */
  readonly cutAt: number
  /** `hole` keeps the socket and reads no more, as behind a network that drops packets. */
  readonly end: 'fin' | 'rst' | 'hole'
  readonly openMs: number
  /** It reads nothing for `stallMs` after this byte. */
  readonly stallAt: number
  readonly stallMs: number
  /** Bytes per millisecond that it reads; 0 for all there is. */
  readonly rate: number
  readonly awayMs: number
}

/** One tab. After its planned `streams` it opens patient ones. */
export interface TabPlan {
  readonly client: string
  readonly topics: readonly string[]
  readonly streams: readonly StreamPlan[]
}

/** One request that publishes. */
export interface PublishPlan {
  readonly address: string
  readonly bytes: number
  readonly ephemeral: boolean
  /** The publisher may hang up after its request, or in the middle of it. */
  readonly end: 'answer' | 'no answer' | 'half'
  readonly pauseMs: number
}

/** Something that happens to a server, to its Redis, or to the link between them. */
export interface FaultPlan {
  readonly kind: (typeof FAULTS)[Cell['journal']][number]
  readonly atMs: number
  readonly forMs: number
  /** The index of the instance. */
  readonly instance: number
}

/** All of it. */
export interface Plan {
  readonly seed: number
  readonly cell: Cell
  readonly environment: Readonly<Record<string, string>>
  readonly tabs: readonly TabPlan[]
  /** One list for each publisher. */
  readonly publishers: readonly (readonly PublishPlan[])[]
  readonly faults: readonly FaultPlan[]
}

const OPENERS = ['native', 'portable'] as const
const SERVER_FAULTS = ['suspend', 'terminate', 'kill'] as const

/** What can happen, by journal. */
const FAULTS = {
  memory: SERVER_FAULTS,
  sqlite: ['suspend', 'kill'],
  redis: [
    ...SERVER_FAULTS,
    ...(['reset link', 'hold link', 'cut link'] as const),
    ...(['kill clients', 'suspend redis', 'crash redis', 'bad messages'] as const),
  ],
} as const

/** All cells. A seed belongs to the cell at its remainder. */
export const CELLS: readonly Cell[] = OPENERS.flatMap((opener): Cell[] => [
  { runtimes: ['node'], opener, journal: 'memory' },
  { runtimes: ['bun'], opener, journal: 'memory' },
  { runtimes: ['deno'], opener, journal: 'memory' },
  { runtimes: ['worker'], opener, journal: 'sqlite' },
  { runtimes: ['node', 'bun'], opener, journal: 'redis' },
  { runtimes: ['bun', 'deno'], opener, journal: 'redis' },
  { runtimes: ['deno', 'node'], opener, journal: 'redis' },
])

/** How long a run is rough, in milliseconds. */
export const FAULT_PHASE_MS = 1_500

const CLIENTS = ['ann', 'bob', 'cat']
const TOPICS = ['news', 'sport/été', 'sport/été/1']
const FOLLOWED = ['news', 'sport/été', 'sport/*', 'sport/**']
const MAX_EVENT_BYTES = 20_000

/** Makes the plan of a seed. */
export function planOf(seed: number): Plan {
  const random = seeded(seed)
  const cell = CELLS[seed % CELLS.length] as Cell
  const environment = {
    STREAM: cell.opener,
    CLOCK_SECONDS: pick('0', '0', '0.1'),
    RETRY_MS: '50',
    DRAIN_SECONDS: '1',
    HEARTBEAT_SECONDS: pick('0.2', '1', '15'),
    LIFETIME_SECONDS: pick('1', '3600'),
    MAX_EVENT_BYTES: String(MAX_EVENT_BYTES),
    MAX_QUEUED_BYTES: String(MAX_EVENT_BYTES + 65_536),
    JOURNAL_EVENTS: pick('2', '5', '20', '1000', '1000'),
    JOURNAL_BYTES: pick('20000', '200000', '67108864', '67108864'),
    JOURNAL_SECONDS: pick('1', '300', '300'),
    ...(cell.journal === 'sqlite' ? { HUB_SHARDS: pick('1', '1', '3') } : {}),
  }
  return {
    seed,
    cell,
    environment,
    tabs: times(8, tab),
    publishers: times(6, () => times(200, publish)),
    faults: times(pick(0, 1, 1, 2), fault).filter(isFirstOfKind),
  }

  function tab(): TabPlan {
    return {
      client: pick(...CLIENTS),
      topics: FOLLOWED.filter(() => random() < 0.5),
      streams: times(8, stream),
    }
  }

  function stream(): StreamPlan {
    return {
      cutAt: chance(0.7) ? Math.floor(40_000 ** random()) : Number.POSITIVE_INFINITY,
      end: pick('fin', 'rst', 'hole'),
      openMs: upTo(700),
      stallAt: Math.floor(10_000 ** random()),
      stallMs: chance(0.3) ? upTo(500) : 0,
      rate: chance(0.3) ? 1 + upTo(100) : 0,
      awayMs: chance(0.5) ? 0 : upTo(400),
    }
  }

  function publish(): PublishPlan {
    const client = `client:${pick(...CLIENTS, 'nobody')}`
    return {
      address: pick('*', client, client, `topic:${pick(...TOPICS)}`, `topic:${pick(...TOPICS)}`),
      bytes: chance(0.1) ? upTo(MAX_EVENT_BYTES / 2) : upTo(1_000),
      ephemeral: chance(0.1),
      end: chance(0.85) ? 'answer' : pick('no answer', 'no answer', 'half'),
      pauseMs: chance(0.6) ? 0 : upTo(60),
    }
  }

  function fault(): FaultPlan {
    return {
      kind: pick(...FAULTS[cell.journal]),
      atMs: upTo(FAULT_PHASE_MS / 2),
      forMs: 50 + upTo(400),
      instance: upTo(cell.runtimes.length),
    }
  }

  function pick<T>(...choices: readonly T[]): T {
    return choices[upTo(choices.length)] as T
  }

  function upTo(end: number): number {
    return Math.floor(random() * end)
  }

  function chance(share: number): boolean {
    return random() < share
  }
}

/** Redis can't be restarted twice at once. */
function isFirstOfKind({ kind }: FaultPlan, index: number, all: readonly FaultPlan[]): boolean {
  return all.findIndex((other) => other.kind === kind) === index
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make)
}

/** The name of a cell in tables. */
export function nameOf({ runtimes, opener, journal }: Cell): string {
  return `${runtimes.join(' + ')}, ${opener}, ${journal}`
}
