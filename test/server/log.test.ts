/** The log is one JSON line for each thing that an operator would want to know, and no more. */
import { type Logger, resetSync } from '@logtape/logtape'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { portableStream } from '../../src/http/stream.ts'
import { compose, type Service } from '../../src/server/compose.ts'
import { type LogLevel, readConfig } from '../../src/server/config.ts'
import { openLog } from '../../src/server/log.ts'
import { readEvents } from '../support/reader.ts'

const METHODS = ['debug', 'info', 'log', 'warn', 'error'] as const
let said: string[] = []
const open: Service[] = []

beforeEach(() => {
  said = []
  for (const method of METHODS) {
    vi.spyOn(console, method).mockImplementation((...words) => void said.push(words.join(' ')))
  }
})

afterEach(async () => {
  for (const service of open.splice(0)) await service.close(0)
  resetSync()
  vi.restoreAllMocks()
})

function serve(level: LogLevel, openStream = portableStream()): Service['app'] {
  const environment = {
    CLOCK_SECONDS: '0',
    DRAIN_SECONDS: '0',
    MAX_CONNECTIONS: '1',
    MAX_EVENT_BYTES: '60000',
    MAX_QUEUED_BYTES: '130000',
  }
  const service = compose(readConfig(environment), 'loopback', openLog(level), {
    native: openStream,
    portable: openStream,
    peerOf: () => '127.0.0.1',
  })
  open.push(service)
  return service.app
}

/** The lines so far, each of which is JSON of its own. */
function lines(): Record<string, unknown>[] {
  for (const line of said) expect(line.trim()).not.toContain('\n')
  return said.map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function refuse(app: Service['app'], client: string): Promise<void> {
  const first = readEvents(await app.request('/sse?id=first'))
  await first.next()
  await app.request(`/sse?${new URLSearchParams({ id: client })}`)
  await first.close()
}

async function cutOff(app: Service['app']): Promise<void> {
  const response = await app.request('/sse?id=slow')
  const data = {
    method: 'POST',
    body: 'x'.repeat(60_000),
    headers: { 'Content-Type': 'text/plain' },
  }
  for (let n = 0; n < 10; n++) await app.request('/clients/slow', data)
  await readEvents(response).end()
}

test('a stream that is refused is a warning that names the client and the reason', async () => {
  await refuse(serve('info'), 'bob')
  expect(lines()).toEqual([
    expect.objectContaining({
      level: 'WARN',
      logger: 'hono-sse',
      message: 'stream refused',
      client: 'bob',
      reason: 'at-capacity',
    }),
  ])
})

test('a stream that is cut off is a warning that names the connection', async () => {
  await cutOff(serve('info'))
  expect(lines()).toEqual([
    expect.objectContaining({
      level: 'WARN',
      message: 'stream cut off',
      client: 'slow',
      connection: expect.stringMatching(/./),
      reason: 'slow',
    }),
  ])
})

test('streams that end as they should are told at the level debug only', async () => {
  const app = serve('debug')
  const reader = readEvents(await app.request('/sse?id=alice'))
  await reader.next()
  await app.request('/clients/alice', { method: 'DELETE' })
  await reader.end()
  expect(lines()).toEqual([
    expect.objectContaining({ level: 'DEBUG', message: 'stream ended', reason: 'disconnected' }),
  ])
})

test('each line has a time', async () => {
  await refuse(serve('info'), 'bob')
  const [line] = lines()
  expect(line?.['@timestamp']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('nothing that a client calls itself can forge a line or a field', async () => {
  const client = '","level":"ERROR","message":"{reason} \u2028 %s'
  await refuse(serve('info'), client)
  expect(lines()).toMatchObject([{ level: 'WARN', message: 'stream refused', client }])
})

test('at the level error it is quiet about streams', async () => {
  const app = serve('error')
  await refuse(app, 'bob')
  await cutOff(app)
  expect(lines()).toEqual([])
})

test('an error that nobody expected is told with its message and where it came from', async () => {
  const app = serve('error', () => {
    throw new Error('no socket')
  })
  const response = await app.request('/sse?id=alice')
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('no socket')
  const [line] = lines()
  expect(line).toMatchObject({ level: 'ERROR', message: 'request failed' })
  expect(JSON.stringify(line)).toContain('no socket')
  expect(JSON.stringify(line)).toContain('log.test.ts')
})

test('a log that is opened again has the new level', () => {
  const first: Logger = openLog('fatal')
  first.error('not told')
  openLog('info').info('told')
  expect(lines()).toMatchObject([{ message: 'told', level: 'INFO' }])
})
