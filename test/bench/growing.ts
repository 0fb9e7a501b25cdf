/**
 * What one instance, one Redis and one object carry, and what a million connections take:
 * `npm run bench:growing` writes the tables of docs/growing.md and the sum of them in the README, from
 * the figures that stand beside it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Rows that the journal of an object writes for one event, from its coming to its end. A test counts them. */
export const ROWS_PER_EVENT = 6

/** The share of a core that is planned with: the rest is for garbage, bursts, and one instance less. */
const SHARE = 0.6
const MILLION = 1_000_000
const KB_PER_GB = 1_048_576

/** As instances are set up: `MAX_CONNECTIONS`, `HEARTBEAT_SECONDS` and `LIFETIME_SECONDS` have these defaults. */
const CONNECTIONS_PER_INSTANCE = 50_000
const HEARTBEAT_SECONDS = 15
const LIFETIME_SECONDS = 3_600

/** What `HUB_SHARDS` may be. */
const MAX_SHARDS = 256

/** Each connection gets so many events for it alone. */
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

const BETWEEN = /<!-- derived -->[\s\S]*<!-- \/derived -->/
const PAGES = {
  'docs/growing.md': () => `\n\n${[carryTable(), millionTable(), billTable()].join('\n\n')}\n\n`,
  'README.md': summary,
}

/** A page that says what figures give. */
export type PageName = keyof typeof PAGES

/** The pages that say what figures give. */
export const PAGE_NAMES = Object.keys(PAGES) as readonly PageName[]

/** What stands in a page. */
export function documented(page: PageName): string {
  return BETWEEN.exec(readFileSync(new URL(page, rootOf()), 'utf8'))?.[0] ?? ''
}

/** What should stand there, by the figures in test/bench/figures. @throws when one is missing */
export function derived(page: PageName): string {
  return `<!-- derived -->${PAGES[page]()}<!-- /derived -->`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const page of PAGE_NAMES) {
    const file = new URL(page, rootOf())
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(BETWEEN, () => derived(page)),
    )
  }
}

function summary(): string {
  const { instances, redis } = million()
  const deliveries = count(perCore(us('broadcast', 'node')))
  const requests = count(perCore(us('publish', 'node')))
  const events = [1, 128].map((atATime) => count(perCore(redisUs(atATime)))).join(' to ')
  return [
    `, one core of Node delivers ${deliveries} events a second, or takes ${requests} publish requests; one GB holds`,
    `${count(KB_PER_GB / kb('node'))} connections; one Redis takes ${events} events a second; one object holds ${count(perObject())} connections. **A million connections**, an`,
    `event for each a minute, take ${instances} instances and ${redis} Redis primaries, or ${objects()} objects. [Growing](docs/growing.md) has the bill, and the rest.`,
  ].join('\n')
}

function carryTable(): string {
  const runtimes = ['node', 'bun', 'deno', 'worker']
  const cell = (value: number | undefined) => (value === undefined ? '–' : count(value))
  const row = (what: string, value: (runtime: string) => number | undefined) =>
    `| ${what} | ${runtimes.map((runtime) => cell(value(runtime))).join(' | ')} |`
  return [
    '| one core, or one GB | Node | Bun | Deno | workerd | measured as |',
    '| --- | --- | --- | --- | --- | --- |',
    `${row('connections in one GB', (runtime) => KB_PER_GB / kb(runtime))} \`idle\` |`,
    `${row('deliveries a second, one event at a time', (runtime) => perCore(us('broadcast', runtime)))} \`broadcast\` |`,
    `${row('deliveries a second, 50 events at once', (runtime) => perCore(us('burst', runtime)))} \`burst\` |`,
    `${row('connects a second', (runtime) => perCore(us('storm', runtime)))} \`storm\` |`,
    // workerd resets a few kept connections in ten thousand requests, whatever it runs, and the load client ends there.
    `${row('publish requests a second', (runtime) => (runtime === 'worker' ? undefined : perCore(us('publish', runtime))))} \`publish\` |`,
    '',
    '| one Redis primary | events a second | measured as |',
    '| --- | --- | --- |',
    `| published one at a time | ${count(perCore(redisUs(1)))} | \`bench:redis\` |`,
    `| 16 at a time, as instances that are busy publish | ${count(perCore(redisUs(16)))} | \`bench:redis\` |`,
    `| 128 at a time, as much as goes in one call | ${count(perCore(redisUs(128)))} | \`bench:redis\` |`,
  ].join('\n')
}

/** What a million connections on Node take. */
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
    `| cores for ${count(events)} events a second, each for one client | ${digits(cores.deliveries)} |`,
    `| cores for taking their ${count(events)} requests | ${digits(cores.requests)} |`,
    `| cores for ${count(beats)} heartbeats a second | ${digits(cores.beats)} |`,
    `| cores for ${count(connects)} connects a second | ${digits(cores.connects)} |`,
    `| **instances** of one core, ${count(CONNECTIONS_PER_INSTANCE)} connections at the most each | **${instances}** |`,
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
    `| connections of one object | ${count(perObject())} |`,
    `| **objects**, \`HUB_SHARDS\` up to ${MAX_SHARDS} of them a hub | **${objects()}** |`,
    `| **hubs** | **${Math.ceil(objects() / MAX_SHARDS)}** |`,
    `| duration, a month | $${count(duration)} |`,
    `| requests that open streams, a month | $${count(opening)} |`,
    `| each million events for one client | $${event.toFixed(2)} |`,
    `| the same, one for each connection a minute, a month | $${count((event * EVENTS_PER_CONNECTION_AND_MINUTE * MONTH_SECONDS) / 60)} |`,
    `| each million events that are not kept (\`ephemeral\`) | $${(MILLION * OBJECT.dollarsPerRequest).toFixed(2)} |`,
    `| each thousand broadcasts | $${((objects() * event) / 1_000).toFixed(2)} |`,
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

/** The figures of all benches; the whole one is asked first. */
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

/** The tests run this file where it stands, the bench compiled elsewhere, but at the root. */
function rootOf(): URL {
  return new URL(`file://${process.cwd()}/`)
}

/** How many a core can do within the share of it that is planned with. */
function perCore(microseconds: number): number {
  return (SHARE * MILLION) / microseconds
}

/** Two digits that matter: more of them no bench on a shared machine can give. */
function count(value: number): string {
  return Math.round(Number(value.toPrecision(2))).toLocaleString('en')
}

function digits(value: number): string {
  return String(Number(value.toPrecision(2)))
}
