/** A ticket whose response was lost, behind a balancer: the same browser may send it once more, to any instance. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import type { RuntimeName } from '../../support/runtimes.ts'
import { type Cluster, startCluster } from './cluster.ts'

const KEY = 'a-key-of-the-cluster-0123456789'

/** Who sends a request: its address, as the balancer reports it, and its browser. */
interface Sender {
  readonly address: string
  readonly agent: string
}

const ALICE: Sender = { address: '192.0.2.1', agent: 'a browser' }

describe.skipIf(REDIS_IS_MISSING)('a used ticket, on three instances with one Redis', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster(await startRedis(), { PUBLISH_KEY: KEY, TRUST_PROXY: '1' })
  })
  afterAll(() => cluster.stop())

  test('opens a stream once more at another instance, from the same address and browser', async () => {
    const ticket = await issue()
    expect(await use(ticket, 'node', ALICE)).toBe(200)
    expect(await use(ticket, 'bun', ALICE)).toBe(200)
    for (const name of ['deno', 'node', 'bun'] as const) {
      expect(await use(ticket, name, ALICE)).toBe(401)
    }
  })

  test.each<[string, Sender]>([
    ['another address', { ...ALICE, address: '192.0.2.2' }],
    ['another browser', { ...ALICE, agent: 'another browser' }],
  ])('is refused by every instance from %s', async (_, stranger) => {
    const ticket = await issue()
    expect(await use(ticket, 'bun', ALICE)).toBe(200)
    for (const name of ['node', 'bun', 'deno'] as const) {
      expect(await use(ticket, name, stranger)).toBe(401)
    }
  })

  test('opens one stream when strangers send it to every instance at once', async () => {
    const ticket = await issue()
    const names = ['node', 'bun', 'deno'] as const
    const senders = Array.from({ length: 12 }, (_, n) => ({
      ...ALICE,
      address: `192.0.2.${n + 1}`,
    }))
    const statuses = await Promise.all(
      senders.map((sender, n) => use(ticket, names[n % names.length] ?? 'node', sender)),
    )
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 401)).toHaveLength(11)
  })

  async function issue(): Promise<string> {
    const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' }
    const body = JSON.stringify({ client: 'alice' })
    const { url } = cluster.instance('node')
    const response = await fetch(`${url}/tickets`, { method: 'POST', headers, body })
    return ((await response.json()) as { ticket: string }).ticket
  }

  async function use(ticket: string, name: RuntimeName, { address, agent }: Sender) {
    const headers = { 'X-Forwarded-For': address, 'User-Agent': agent }
    const response = await fetch(`${cluster.instance(name).url}/sse?ticket=${ticket}`, { headers })
    await response.body?.cancel()
    return response.status
  }
})
