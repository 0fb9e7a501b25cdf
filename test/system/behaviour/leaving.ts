/** Leaving: the server notices clients that left, and can disconnect a client. */
import { expect, test } from 'vitest'
import { connectionsOf, listen, untilConnections } from '../../support/client.ts'
import { named } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { openRaw } from '../../support/raw-stream.ts'
import { testWhere } from '../../support/where.ts'
import { type RuntimePool, TIGHT } from './runtime.ts'

/** How streams end on a runtime. */
export function leaving(pool: RuntimePool): void {
  const { runtime } = pool
  const atOnce = runtime.leaving === 'at once'
  // The quiet server sends no heartbeat in time: a disconnect must be noticed without a write.
  const environment = atOnce ? {} : TIGHT
  // A half-closed socket can still be read from: only the runtimes that notice at once end it.
  const ways = atOnce ? (['fin', 'rst', 'half-close'] as const) : (['fin', 'rst'] as const)

  test.for(ways)('a quiet client that leaves with %s is noticed', async (how) => {
    const { url } = await pool.shared(environment)
    const raw = await openRaw(url, `/sse?id=gone-${how}`)
    await raw.contains('hub:ready')
    await untilConnections(url, `gone-${how}`, 1)
    raw.leave(how)
    await untilConnections(url, `gone-${how}`, 0)
    const { clients } = (await (await fetch(`${url}/clients`)).json()) as {
      clients: { client: string }[]
    }
    expect(clients.map(({ client }) => client)).not.toContain(`gone-${how}`)
  })

  // workerd reports nothing of a few such clients: test/adapters/cloudflare/index.hasty counts them.
  testWhere(atOnce)('a client that leaves during its opening leaves nothing behind', async () => {
    const { url } = await pool.shared(environment)
    const hasty = await Promise.all(
      Array.from({ length: 20 }, () => openRaw(url, '/sse?id=hasty&lastEventId=earliest')),
    )
    for (const raw of hasty) raw.leave('rst')
    await untilConnections(url, 'hasty', 0)
  })

  test('DELETE says goodbye to every tab of a client, and to no other client', async () => {
    const { url } = await pool.shared()
    const [tab1, tab2, other] = await Promise.all([
      listen(url, 'id=unwanted'),
      listen(url, 'id=unwanted'),
      listen(url, 'id=wanted'),
    ])
    const response = await fetch(`${url}/clients/unwanted`, { method: 'DELETE' })
    const asked = runtime.workers ?? (runtime.sharedJournal && 1)
    const instances = asked === undefined ? {} : { asked, answered: asked }
    expect(await response.json()).toEqual({ disconnected: 2, blockedSeconds: 0, ...instances })
    for (const tab of [tab1, tab2]) {
      expect(JSON.parse((await tab.next(named('hub:bye'))).data)).toEqual({
        reason: 'disconnected',
      })
      await tab.end()
      expect(tab.retries).toHaveLength(2)
    }
    expect(await connectionsOf(url, 'unwanted')).toEqual([])
    expect(await connectionsOf(url, 'wanted')).toHaveLength(1)
    expect(other.ended).toBe(false)
    await other.close()
  })

  test('a blocked client receives 204 until its block ends', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=blocked')
    await fetch(`${url}/clients/blocked?block=4`, { method: 'DELETE' })
    await listener.end()
    const refused = await fetch(`${url}/sse?id=blocked`)
    expect(refused.status).toBe(204)
    expect(await refused.text()).toBe('')
    await until('the block is over', async () => {
      const again = await fetch(`${url}/sse?id=blocked`)
      await again.body?.cancel()
      return again.status === 200
    })
  })
}
