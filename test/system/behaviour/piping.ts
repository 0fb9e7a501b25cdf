/** Piping: an event stream in the body of a request is published while it arrives, until it ends or is stopped. */
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { EventSourceMessage } from 'eventsource-parser'
import { expect, test } from 'vitest'
import { listen, requestJson } from '../../support/client.ts'
import { hasData, named, publishedData } from '../../support/events.ts'
import { testWhere } from '../../support/where.ts'
import type { RuntimePool } from './runtime.ts'

/** How event streams are published on a runtime. */
export function piping(pool: RuntimePool): void {
  test('each event of a stream arrives before the next one is sent', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=piped')
    const pipe = openPipe(`${url}/clients/piped?event=token`)
    let last: EventSourceMessage | undefined
    for (const data of ['one', 'two', 'three']) {
      pipe.write(`data: ${data}\n\n: ping\n\n`)
      last = await listener.next(hasData(data))
      expect(last.event).toBe('token')
    }
    pipe.end('data: unfinished')
    expect(await pipe.result()).toEqual({ published: 3, id: last?.id })
    await listener.close()
  })

  // workerd ends everything that a request does when its client leaves.
  testWhere(pool.runtime.name !== 'Workers')(
    'a stream that breaks off ends with an event that says so',
    async () => {
      const { url } = await pool.shared()
      const listener = await listen(url, 'id=broken')
      const pipe = openPipe(`${url}/clients/broken?onAbort=cut-off`)
      pipe.write('data: whole\n\ndata: half')
      await listener.next(hasData('whole'))
      pipe.cut()
      const { data } = await listener.next(named('cut-off'))
      expect(JSON.parse(data)).toEqual({ reason: 'broken' })
      expect(publishedData(listener)).not.toContain('half')
      await listener.close()
    },
  )

  test('a stop reaches the publisher, whichever process it publishes through', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=stopped')
    const pipe = openPipe(`${url}/clients/stopped?key=answer&onAbort=stop`)
    pipe.write('data: begun\n\n')
    await listener.next(hasData('begun'))
    const stop = `${url}/clients/stopped/stop?key=answer`
    const { stopped } = await requestJson<{ stopped: number }>(stop, { method: 'POST' })
    expect(stopped).toBe(1)
    expect(await pipe.result()).toMatchObject({ published: 1, stopped: true })
    await listener.next(named('stop'))
    pipe.cut()
    await listener.close()
  })
}

/** Begins a request whose body is an event stream. */
export function openPipe(url: string, headers: Readonly<Record<string, string>> = {}) {
  const type = { 'Content-Type': 'text/event-stream' }
  const outgoing = request(url, { method: 'POST', headers: { ...type, ...headers } })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).on('error', reject)
  })
  response.catch(() => {})
  return {
    write: (part: string) => void outgoing.write(part),
    end: (part: string) => void outgoing.end(part),
    cut: () => void outgoing.destroy(),
    result: async () => JSON.parse(await text(await response)) as unknown,
  }
}
