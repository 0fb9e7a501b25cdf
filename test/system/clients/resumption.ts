/** What every client library must do: receive, reconnect, and resume without loss or duplicates. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publish, untilConnections } from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import { type ServerBehindProxy, startServerBehindProxy } from './server.ts'

/** A listening client, whatever its library. */
export interface Client {
  /** Disconnects and does not reconnect. */
  close(): void
}

/** Opens a client that passes messages to `hear` and reconnects by itself when dropped. */
export type OpenClient = (url: string, hear: (data: string) => void) => Client | Promise<Client>

/** Tests a client library. */
export function clientBehaviour(name: string, open: OpenClient): void {
  let server: ServerBehindProxy
  beforeAll(async () => {
    server = await startServerBehindProxy()
  })
  afterAll(() => server.close())

  const drops = {
    'the server sends it away': (id: string) => {
      return fetch(`${server.url}/clients/${id}`, { method: 'DELETE' }).then(() => {})
    },
    'the line is cut': async () => server.reset(),
  }

  test.for(['the server sends it away', 'the line is cut'] as const)(
    `${name} resumes without loss or duplicates when %s`,
    async (how) => {
      const id = `${name}-${how}`.replace(/\W+/g, '-')
      const received: string[] = []
      const client = await open(`${server.proxyUrl}/sse?id=${id}&topic=${id}`, (data) =>
        received.push(data),
      )
      const receives = (count: number) => until(`event ${count}`, () => received.length >= count)
      try {
        await untilConnections(server.url, id, 1)
        await publish(server.url, `/clients/${id}`, '1')
        await publish(server.url, `/topics/${id}`, '2')
        await receives(2)
        await drops[how](id)
        await publish(server.url, `/clients/${id}`, '3')
        await publish(server.url, '/clients/somebody-else', 'not for it')
        await publish(server.url, `/topics/${id}`, '4')
        await receives(4)
        await publish(server.url, `/clients/${id}`, '5')
        await receives(5)
        await drops[how](id)
        await publish(server.url, `/clients/${id}`, 'line one\nline two ü😀')
        await receives(6)
        expect(received).toEqual(['1', '2', '3', '4', '5', 'line one\nline two ü😀'])
      } finally {
        client.close()
      }
      await untilConnections(server.url, id, 0)
    },
  )

  test(`${name} receives what is published between its opening and its first message`, async () => {
    const id = `${name}-early`.replace(/\W+/g, '-')
    const received: string[] = []
    const client = await open(`${server.proxyUrl}/sse?id=${id}`, (data) => received.push(data))
    try {
      await untilConnections(server.url, id, 1)
      // Once disconnected, it has read its opening, and with it the id to resume from.
      await fetch(`${server.url}/clients/${id}`, { method: 'DELETE' })
      await publish(server.url, `/clients/${id}`, 'first')
      await publish(server.url, `/clients/${id}`, 'second')
      await until('both', () => received.length >= 2)
      expect(received).toEqual(['first', 'second'])
    } finally {
      client.close()
    }
  })
}
