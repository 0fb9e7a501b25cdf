/**
 * What must not grow with what it does not touch: `npm run bench:growth [-- --save]`. Everything is in one
 * process, without sockets: requests call the app, and the streams of connected clients discard their bytes.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Hub {
  connect(options: {
    readonly client: string
    readonly topics?: readonly string[]
    readonly stream: object
  }): unknown
  publish(address: { readonly topic: string }, event: { readonly data: string }): Promise<unknown>
  stats(): { readonly queuedBytes: number }
  close(): Promise<void>
}

interface Library {
  createHub(options: { readonly maxConnections: number }): Hub
  createApp(options: { readonly hub: Hub; readonly access: 'anyone' }): {
    request(path: string): Promise<Response>
  }
  createMemoryJournal(): { append(key: string, event: { readonly data: string }): unknown }
}

const ROUNDS = 5
const APPENDS = 300_000
const REQUESTS = 1_000
const PUBLISHES = 100_000
/** As many as a connection may follow. */
const PATTERNS = 50
const DATA = 'x'.repeat(100)
const NOTHING = { aborted: false, write: () => undefined, onAbort: () => {}, abort: () => {} }

const library = (await import(join(process.cwd(), 'dist/index.js'))) as Library
const figures: Record<string, number> = {}

for (const addresses of [1_000, 100_000, 500_000]) {
  await measure(`append at ${count(addresses)} addresses, each evicts`, journalWith(addresses))
}
for (const patterns of [0, 100_000]) {
  const hub = await hubWithPatterns(patterns)
  for (const topic of ['orders', 'orders/1', 'orders/1/items/2']) {
    const name = `publish to ${topic} among ${count(patterns)} patterns that do not cover it`
    await measure(name, () => publishTo(hub, topic))
  }
  await hub.close()
}
for (const clients of [100, 10_000, 50_000]) {
  const { hub, get } = await hubWith(clients)
  for (const path of ['/clients?limit=100', '/metrics']) {
    await measure(`GET ${path} among ${count(clients)} clients`, () => get(path))
  }
  await hub.close()
}
if (process.argv.includes('--save')) {
  const data = { date: new Date().toISOString(), cpuUs: figures }
  const file = join(process.cwd(), 'test/bench/figures/growth.json')
  writeFileSync(file, `${JSON.stringify(data, null, 2)}\n`)
}

/** The median of rounds, in microseconds of CPU. @param work - returns how many operations it took */
async function measure(name: string, work: () => Promise<number>): Promise<void> {
  await work()
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    const operations = await work()
    const { user, system } = process.cpuUsage(before)
    rounds.push((user + system) / operations)
  }
  const us = rounds.sort((one, other) => one - other)[ROUNDS >> 1] ?? 0
  figures[name] = Number(us.toPrecision(3))
  console.log(`${us.toFixed(1).padStart(7)} µs  ${name}`)
}

/** Appends to a journal that takes turns among addresses. The first call fills it. */
function journalWith(addresses: number): () => Promise<number> {
  const journal = library.createMemoryJournal()
  let next = 0
  return async () => {
    for (let n = 0; n < APPENDS; n++) {
      // A stride coprime to the number of addresses, in no cache-friendly order.
      next = (next + 7_919) % addresses
      journal.append(`c:user-${next}`, { data: DATA })
    }
    return APPENDS
  }
}

async function hubWith(clients: number) {
  const hub = library.createHub({ maxConnections: clients })
  const app = library.createApp({ hub, access: 'anyone' })
  for (let n = 0; n < clients; n++) hub.connect({ client: `user-${n}`, stream: { ...NOTHING } })
  await untilSent(hub)
  return { hub, get }

  async function get(path: string): Promise<number> {
    for (let n = 0; n < REQUESTS; n++) {
      const response = await app.request(path)
      if (!response.ok) throw new Error(await response.text())
      await response.text()
    }
    return REQUESTS
  }
}

/** Half of the patterns are of one level, and half of all. */
async function hubWithPatterns(patterns: number): Promise<Hub> {
  const clients = patterns / PATTERNS
  const hub = library.createHub({ maxConnections: Math.max(1, clients) })
  for (let n = 0; n < clients; n++) {
    const topics = Array.from(
      { length: PATTERNS },
      (_, m) => `others/${n}/${m >> 1}/${'**'.slice(m % 2)}`,
    )
    hub.connect({ client: `user-${n}`, topics, stream: { ...NOTHING } })
  }
  await untilSent(hub)
  return hub
}

async function publishTo(hub: Hub, topic: string): Promise<number> {
  for (let n = 0; n < PUBLISHES; n++) await hub.publish({ topic }, { data: DATA })
  return PUBLISHES
}

async function untilSent(hub: Hub): Promise<void> {
  while (hub.stats().queuedBytes > 0) await new Promise((resolve) => setImmediate(resolve))
}

function count(value: number): string {
  return value.toLocaleString('en')
}
