/**
 * What one instance, one Redis and one Durable Object carry, and what a million connections require.
 * `npm run bench:scaling` writes these figures into the documentation, from test/bench/figures.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Rows that the journal of an object writes for one event, from append to eviction. A test counts them. */
export const ROWS_PER_EVENT = 6

/** The share of a core to plan with: the rest is for garbage collection, bursts and a lost instance. */
const SHARE = 0.6
const MILLION = 1_000_000
const KB_PER_GB = 1_048_576

/** The defaults of `MAX_CONNECTIONS`, `HEARTBEAT_SECONDS` and `LIFETIME_SECONDS`. */
const CONNECTIONS_PER_INSTANCE = 50_000
const HEARTBEAT_SECONDS = 15
const LIFETIME_SECONDS = 3_600

/** The largest `HUB_SHARDS`. */
const MAX_SHARDS = 256

/** Events addressed to one connection alone, per minute. */
const EVENTS_PER_CONNECTION_AND_MINUTE = 1

/** https://developers.cloudflare.com/durable-objects/platform/pricing and …/limits: read, not measured. */
const OBJECT = {
  memoryKb: 131_072,
  gigabytes: 0.128,
  dollarsPerGbSecond: 12.5 / MILLION,
  freeGbSeconds: 400_000,
  dollarsPerRequest: 0.15 / MILLION,
  dollarsPerRow: 1 / MILLION,
}
const MONTH_SECONDS = 30 * 86_400

/** Half of an object's memory: the other half is for the runtime, the journal's pages and queues. */
const OBJECT_SHARE = 0.5

interface Bench {
  readonly scenarios: readonly {
    readonly scenario: string
    readonly rows: readonly {
      readonly contestant: string
      readonly figures: Readonly<Record<string, number>>
    }[]
  }[]
}

interface RedisBench {
  readonly cpuUsPerEvent: Readonly<Record<string, number>>
}

/** A part of a page that is written from figures. */
export interface DerivedPart {
  readonly page: string
  /** Its position in the page. */
  readonly place: RegExp
  /** What the figures give. @throws when one is missing */
  text(): string
}

const BETWEEN = /<!-- derived -->[\s\S]*<!-- \/derived -->/
const CPU_ROW = /^\| CPU per delivery.*$/m

/** All parts of pages that are written from figures. */
export const parts: readonly DerivedPart[] = [
  {
    page: 'docs/scaling.md',
    place: BETWEEN,
    text: () => between(`\n\n${[carryTable(), millionTable(), billTable()].join('\n\n')}\n\n`),
  },
  { page: 'README.md', place: BETWEEN, text: () => between(summary()) },
  { page: 'README.md', place: CPU_ROW, text: cpuRow },
  { page: 'docs/comparison.md', place: CPU_ROW, text: cpuRow },
]

/** The text in the page. */
export function documented({ page, place }: DerivedPart): string {
  return place.exec(readFileSync(new URL(page, rootOf()), 'utf8'))?.[0] ?? ''
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { page, place, text } of parts) {
    const file = new URL(page, rootOf())
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(place, () => text()),
    )
  }
}

function between(text: string): string {
  return `<!-- derived -->${text}<!-- /derived -->`
}

/**
 * A row of the comparison: this hub on Node, streamSSE, better-sse, Mercure, Centrifugo, nchan. The
 * figure of streamSSE is from an earlier run, which docs/comparison.md shows.
 */
function cpuRow(): string {
  const cell = (name: string) =>
    `${digits(us('broadcast', name))} / ${digits(us('burst', name))} µs`
  const cells = [cell('node'), cell('hono-loop'), cell('better-sse'), '–', '–', cell('nchan')]
  return `| CPU per delivery: single / bursts | ${cells.join(' | ')} |`
}

function summary(): string {
  const { instances, redis } = million()
  const deliveries = count(perCore(us('broadcast', 'node')))
  const requests = count(perCore(us('publish', 'node')))
  const perGb = count(KB_PER_GB / kb('node'))
  return [
    ` one Node core delivers ${deliveries} events a second or accepts`,
    `${requests} publish requests a second, and 1 GB holds ${perGb} idle connections. A million connections, one event a`,
    `minute each, require ${instances} instances and ${redis} Redis primaries, or ${objects()} Durable Objects`,
  ].join('\n  ')
}

function carryTable(): string {
  const runtimes = ['node', 'bun', 'deno', 'worker']
  const cell = (value: number | undefined) => (value === undefined ? '–' : count(value))
  const row = (what: string, value: (runtime: string) => number | undefined) =>
    `| ${what} | ${runtimes.map((runtime) => cell(value(runtime))).join(' | ')} |`
  return [
    '| one core (at 60 %), or 1 GB | Node | Bun | Deno | workerd | scenario |',
    '| --- | --- | --- | --- | --- | --- |',
    `${row('idle connections in 1 GB', (runtime) => KB_PER_GB / kb(runtime))} \`idle\` |`,
    `${row('deliveries per second, one event at a time', (runtime) => perCore(us('broadcast', runtime)))} \`broadcast\` |`,
    `${row('deliveries per second, bursts of 50 events', (runtime) => perCore(us('burst', runtime)))} \`burst\` |`,
    `${row('connects per second', (runtime) => perCore(us('storm', runtime)))} \`storm\` |`,
    // workerd resets a few keep-alive connections in ten thousand requests, whatever it runs, which ends the load client.
    `${row('publish requests per second', (runtime) => (runtime === 'worker' ? undefined : perCore(us('publish', runtime))))} \`publish\` |`,
    '',
    '| one Redis primary (at 60 %) | events per second | script |',
    '| --- | --- | --- |',
    `| published one per call | ${count(perCore(redisUs(1)))} | \`bench:redis\` |`,
    `| 16 per call, as busy instances publish | ${count(perCore(redisUs(16)))} | \`bench:redis\` |`,
    `| 128 per call, the maximum | ${count(perCore(redisUs(128)))} | \`bench:redis\` |`,
  ].join('\n')
}

/** What a million connections on Node require. */
function million() {
  const events = (MILLION * EVENTS_PER_CONNECTION_AND_MINUTE) / 60
  const beats = MILLION / HEARTBEAT_SECONDS
  const connects = MILLION / LIFETIME_SECONDS
  const cores = {
    deliveries: (events * us('broadcast', 'node')) / MILLION / SHARE,
    beats: (beats * us('broadcast', 'node')) / MILLION / SHARE,
    connects: (connects * us('storm', 'node')) / MILLION / SHARE,
    requests: (events * us('publish', 'node')) / MILLION / SHARE,
  }
  const sum = Object.values(cores).reduce((one, other) => one + other, 0)
  const instances = Math.max(Math.ceil(sum), Math.ceil(MILLION / CONNECTIONS_PER_INSTANCE))
  const redis = Math.ceil((events * redisUs(1)) / MILLION / SHARE)
  return { events, beats, connects, cores, instances, redis }
}

function millionTable(): string {
  const { events, beats, connects, cores, instances, redis } = million()
  const gigabytes = (MILLION * kb('node')) / KB_PER_GB
  return [
    '| a million connections on Node | |',
    '| --- | --- |',
    `| memory of connections | ${digits(gigabytes)} GB |`,
    `| cores to deliver ${count(events)} events per second, each to one client | ${digits(cores.deliveries)} |`,
    `| cores to accept their ${count(events)} publish requests per second | ${digits(cores.requests)} |`,
    `| cores to send ${count(beats)} heartbeats per second | ${digits(cores.beats)} |`,
    `| cores to accept ${count(connects)} connects per second | ${digits(cores.connects)} |`,
    `| **instances** of one core, at most ${count(CONNECTIONS_PER_INSTANCE)} connections each | **${instances}** |`,
    `| **Redis primaries** | **${redis}** |`,
  ].join('\n')
}

function perObject(): number {
  return Math.floor((OBJECT.memoryKb * OBJECT_SHARE) / kb('worker') / 100) * 100
}

function objects(): number {
  return Math.ceil(MILLION / perObject())
}

function billTable(): string {
  const gbSeconds = objects() * MONTH_SECONDS * OBJECT.gigabytes
  const duration = Math.max(0, gbSeconds - OBJECT.freeGbSeconds) * OBJECT.dollarsPerGbSecond
  const connects = (MILLION * MONTH_SECONDS) / LIFETIME_SECONDS
  const opening = connects * OBJECT.dollarsPerRequest
  const event = MILLION * (OBJECT.dollarsPerRequest + ROWS_PER_EVENT * OBJECT.dollarsPerRow)
  return [
    '| a million connections on Durable Objects | |',
    '| --- | --- |',
    `| connections per object | ${count(perObject())} |`,
    `| **objects**; a hub has at most ${MAX_SHARDS} (\`HUB_SHARDS\`) | **${objects()}** |`,
    `| **hubs** | **${Math.ceil(objects() / MAX_SHARDS)}** |`,
    `| duration, per month | $${count(duration)} |`,
    `| requests that open streams, per month | $${count(opening)} |`,
    `| per million events to one client each | $${event.toFixed(2)} |`,
    `| the same at one event per connection and minute, per month | $${count((event * EVENTS_PER_CONNECTION_AND_MINUTE * MONTH_SECONDS) / 60)} |`,
    `| per million \`ephemeral\` events, which are not stored | $${(MILLION * OBJECT.dollarsPerRequest).toFixed(2)} |`,
    `| per thousand broadcasts | $${((objects() * event) / 1_000).toFixed(2)} |`,
  ].join('\n')
}

function us(scenario: string, runtime: string): number {
  const names: Readonly<Record<string, string>> = {
    storm: 'cpuUsPerConnect',
    publish: 'cpuUsPerRequest',
  }
  return figure(scenario, runtime, names[scenario] ?? 'cpuUsPerDelivery')
}

function kb(runtime: string): number {
  return figure('idle', runtime, 'kbPerConnection')
}

/** A figure of any bench; the complete one wins. */
function figure(scenario: string, contestant: string, name: string): number {
  for (const file of ['bench', 'cluster', 'worker']) {
    const { scenarios } = read<Bench>(`${file}.json`)
    const rows = scenarios.find((one) => one.scenario === scenario)?.rows
    const value = rows?.find((row) => row.contestant === contestant)?.figures[name]
    if (value !== undefined) return value
  }
  throw new Error(`No bench has measured ${name} of ${contestant} in ${scenario}.`)
}

function redisUs(atATime: number): number {
  const { cpuUsPerEvent } = read<RedisBench>('redis.json')
  const value = cpuUsPerEvent[`publish to 10,000 addresses of a full journal, ${atATime} at a time`]
  if (value === undefined) throw new Error(`No bench has measured ${atATime} at a time.`)
  return value
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`test/bench/figures/${file}`, rootOf()), 'utf8')) as T
}

/** Tests run this file in place; the bench runs it compiled elsewhere, with the root as working directory. */
function rootOf(): URL {
  return new URL(`file://${process.cwd()}/`)
}

/** How many per second a core can do within its planned share. */
function perCore(microseconds: number): number {
  return (SHARE * MILLION) / microseconds
}

/** Two significant digits: a bench on a shared machine gives no more. */
function count(value: number): string {
  return Math.round(Number(value.toPrecision(2))).toLocaleString('en')
}

function digits(value: number): string {
  return String(Number(value.toPrecision(2)))
}
