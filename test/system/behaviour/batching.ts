/** Batching: many events in one request, published and answered while they arrive. */
import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { listen, postJson } from '../../support/client.ts'
import { hasData, publishedData } from '../../support/events.ts'
import { testWhere } from '../../support/where.ts'
import { type RuntimePool, TIGHT } from './runtime.ts'

const NDJSON = { 'Content-Type': 'application/x-ndjson' }

type Answer = Readonly<Record<string, unknown>>

/** How batches are published on a runtime. */
export function batching(pool: RuntimePool): void {
  // In workerd, each event is a write to the disk.
  const many = pool.runtime.name === 'Workers' ? 1_000 : 5_000

  test('each line is published and answered before the next one is sent', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=lines')
    const batch = openLines(`${url}/publish`)
    for (const data of ['one', 'two', 'three']) {
      batch.write(`${JSON.stringify({ to: { client: 'lines' }, data })}\n`)
      expect(await batch.next()).toMatchObject({ id: expect.any(String), connections: 1 })
      await listener.next(hasData(data))
    }
    batch.end()
    expect(await batch.next()).toBeUndefined()
    expect(publishedData(listener)).toEqual(['one', 'two', 'three'])
    await listener.close()
  })

  test('a batch that is sent as a whole is answered in order, and a bad line spoils only itself', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=whole&topic=whole')
    const lines = Array.from({ length: many }, (_, n) => `{"data":${n}}`)
    lines[3] = 'no JSON'
    const response = await fetch(`${url}/topics/whole`, {
      method: 'POST',
      headers: NDJSON,
      body: lines.join('\r\n'),
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/x-ndjson')
    const answers = (await response.text()).trim().split('\n')
    expect(answers).toHaveLength(many)
    const problems = answers.filter((answer) => answer.includes('"status"'))
    expect(problems.map((one) => JSON.parse(one))).toMatchObject([{ line: 4, status: 400 }])
    await listener.next(hasData(String(many - 1)))
    const expected = lines.map((_, n) => String(n)).filter((n) => n !== '3')
    expect(publishedData(listener)).toEqual(expected)
    await listener.close()
  })

  test('an array is answered with an array', async () => {
    const { url } = await pool.shared()
    const events = [
      { to: { client: 'nobody' }, data: 1 },
      { to: 'nobody', data: 1 },
      { to: { topic: 'nothing' }, data: 1, ephemeral: true },
    ]
    const response = await postJson(url, '/publish', events)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject([
      { id: expect.any(String), connections: 0 },
      { status: 400, issues: [{ path: 'json.to' }] },
      { connections: 0 },
    ])
  })

  test('a line over its bound is refused and skipped, however long it is', async () => {
    const { url } = await pool.shared(TIGHT)
    const batch = openLines(`${url}/clients/long`)
    batch.write('{"data":"')
    for (let n = 0; n < 50; n++) batch.write('x'.repeat(Number(TIGHT.MAX_EVENT_BYTES)))
    batch.write('"}\n{"data":"short"}\n')
    batch.end()
    expect(await batch.next()).toMatchObject({ line: 1, status: 413 })
    expect(await batch.next()).toMatchObject({ connections: 0 })
    expect(await batch.next()).toBeUndefined()
  })

  test('a sender that is cut off has published its whole lines', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=cut')
    const batch = openLines(`${url}/clients/cut`)
    batch.write('{"data":"whole"}\n{"data":')
    await batch.next()
    batch.cut()
    await listener.next(hasData('whole'))
    await postJson(url, '/clients/cut', { data: 'end' })
    await listener.next(hasData('end'))
    expect(publishedData(listener)).toEqual(['whole', 'end'])
    await listener.close()
  })

  testWhere(pool.runtime.signals === 'drain')(
    'a server that stops ends a batch that waits, and says how much of it was published',
    async () => {
      const server = await pool.start()
      const batch = openLines(`${server.url}/broadcast`)
      batch.write('{"data":1}\n')
      expect(await batch.next()).toMatchObject({ connections: 0 })
      server.signal('SIGTERM')
      expect(await batch.next()).toMatchObject({ line: 2, status: 503, published: 1 })
      expect(await batch.next()).toBeUndefined()
      expect(await server.exit).toBe(0)
    },
  )
}

/** A request of which the lines are written one by one. */
export interface OpenLines {
  write(text: string): void
  end(): void
  cut(): void
  /** Resolves with the next answer; undefined at the end. */
  next(): Promise<Answer | undefined>
}

/** Begins a batch. */
export function openLines(url: string): OpenLines {
  const sending = request(url, { method: 'POST', headers: NDJSON })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    sending.once('response', resolve).once('error', reject)
  })
  const answers = readLines(response)
  // Headers alone would wait for the first piece of the body.
  sending.flushHeaders()
  return {
    write: (text) => void sending.write(text),
    end: () => void sending.end(),
    cut: () => void sending.on('error', () => {}).destroy(),
    next: async () => {
      const { value } = await answers.next()
      return value === undefined ? undefined : (JSON.parse(value) as Answer)
    },
  }
}

async function* readLines(response: Promise<IncomingMessage>): AsyncGenerator<string, undefined> {
  const message = await response
  expect(message.statusCode).toBe(200)
  for await (const line of createInterface({ input: message })) yield line
  return undefined
}
