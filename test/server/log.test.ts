/** The log has one JSON line for each thing that an operator needs to know, and no more. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import type { AccessMode } from '../../src/server/access.ts'
import { compose, type Service } from '../../src/server/compose.ts'
import { type LogLevel, readConfig } from '../../src/server/config.ts'
import { hubLogger, limitedLog } from '../../src/server/log.ts'
import { openLog } from '../../src/server/logger.ts'
import { served } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'
import { until } from '../support/eventually.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { readEvents } from '../support/reader.ts'

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
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
  vi.restoreAllMocks()
})

function serve(
  level: LogLevel,
  remoteAddress = () => '127.0.0.1',
  accessMode: AccessMode = 'loopback',
): Service['app'] {
  const environment = {
    ...(accessMode === 'permissions' && { PUBLISH_KEY: 'key-of-the-log-0123456789' }),
    CLOCK_SECONDS: '0',
    DRAIN_SECONDS: '0',
    MAX_CONNECTIONS: '1',
    MAX_EVENT_BYTES: '60000',
    MAX_QUEUED_BYTES: '130000',
  }
  const service = compose({
    config: readConfig(environment),
    accessMode,
    log: openLog(level),
    runtime: { remoteAddress },
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
  const response = served(await app.request('/sse?id=slow'))
  await until('it is connected', async () => {
    return (await (await app.request('/clients')).text()).includes('slow')
  })
  const data = {
    method: 'POST',
    body: 'x'.repeat(60_000),
    headers: { 'Content-Type': 'text/plain' },
  }
  for (let n = 0; n < 10; n++) await app.request('/clients/slow', data)
  await readEvents(response).end()
}

test('a stream that is refused is a warning that names the client, the reason and the request', async () => {
  await refuse(serve('info'), 'bob')
  expect(lines()).toEqual([
    expect.objectContaining({
      level: 'WARN',
      logger: 'hono-sse',
      message: 'stream refused',
      client: 'bob',
      reason: 'at-capacity',
      remoteAddress: '127.0.0.1',
      requestId: expect.stringMatching(UUID),
    }),
  ])
})

test('a flood of refusals logs 20 lines a second, and counts the others', async () => {
  const clock = manualClock()
  const { onRefuse } = hubLogger(openLog('info'), clock)
  for (let n = 0; n < 1_000; n++) onRefuse?.('bob', 'at-capacity', {})
  expect(lines()).toHaveLength(20)
  await clock.advance(1_000)
  onRefuse?.('bob', 'at-capacity', {})
  expect(lines().slice(20)).toMatchObject([
    { message: 'log lines suppressed', kind: 'stream refused', count: 980 },
    { message: 'stream refused' },
  ])
})

test('a flood of requests that fail logs 20 lines a second, and one after it their number', async () => {
  const clock = manualClock()
  const service = compose({
    config: readConfig({}),
    accessMode: 'loopback',
    log: openLog('info'),
    runtime: {
      remoteAddress: () => {
        throw new Error('no address')
      },
    },
    clock,
  })
  open.push(service)
  const fail = () => service.app.request('/sse?id=alice')
  for (let n = 0; n < 25; n++) expect((await fail()).status).toBe(500)
  expect(lines()).toHaveLength(20)
  clock.moveWallTime(-3_600_000)
  await clock.advance(1_000)
  await fail()
  expect(lines().slice(20)).toMatchObject([
    { message: 'log lines suppressed', kind: 'request failed', count: 5 },
    { message: 'request failed' },
  ])
})

test('at debug, all requests are logged', () => {
  const log = limitedLog(openLog('debug'), manualClock())
  for (let n = 0; n < 25; n++) log.debug('request handled')
  expect(lines()).toHaveLength(25)
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
      requestId: expect.stringMatching(UUID),
    }),
  ])
})

test('streams that end normally are logged at level debug only', async () => {
  const app = serve('debug')
  const headers = { 'X-Request-Id': 'from-the-proxy' }
  const response = await app.request('/sse?id=alice', { headers })
  expect(response.headers.get('X-Request-Id')).toBe('from-the-proxy')
  let bytes = 0
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      bytes += chunk.byteLength
      controller.enqueue(chunk)
    },
  })
  const reader = readEvents(new Response(response.body?.pipeThrough(count)))
  await reader.next()
  await app.request('/ping/alice', { method: 'POST' })
  await reader.next()
  await app.request('/clients/alice', { method: 'DELETE' })
  await reader.end()
  expect(lines().filter(({ message }) => message === 'stream ended')).toEqual([
    expect.objectContaining({
      level: 'DEBUG',
      client: 'alice',
      connection: expect.stringMatching(/^c-\d+$/),
      reason: 'disconnected',
      durationSeconds: expect.any(Number),
      events: reader.events.length,
      bytes,
      opener: 'native',
      remoteAddress: '127.0.0.1',
      requestId: 'from-the-proxy',
    }),
  ])
})

test('the duration of a stream does not depend on wall time', async () => {
  const clock = manualClock()
  const hub = createHub({ clock, ...hubLogger(openLog('debug'), clock) })
  hub.connect({ client: 'alice', stream: fakeStream() })
  await clock.advance(2_000)
  clock.moveWallTime(-3_600_000)
  await hub.disconnect('alice')
  await clock.runPending()
  expect(lines()).toEqual([expect.objectContaining({ durationSeconds: 2 })])
})

describe('a request', () => {
  const requests = () => lines().filter(({ message }) => String(message).startsWith('request'))

  test('has an id, the one it sent if that is well formed', async () => {
    const app = serve('info')
    const idFor = async (id?: string) => {
      const headers: Record<string, string> = id === undefined ? {} : { 'X-Request-Id': id }
      return (await app.request('/healthz', { headers })).headers.get('X-Request-Id')
    }
    expect(await idFor('a-b_c=1')).toBe('a-b_c=1')
    for (const bad of [undefined, '', 'a b', 'ü', '<script>', 'x'.repeat(256)]) {
      expect(await idFor(bad)).toMatch(UUID)
    }
    expect(await idFor()).not.toBe(await idFor())
    const nowhere = await app.request('/healthz', { headers: { Host: 'a b' } })
    expect(nowhere.headers.get('X-Request-Id')).toMatch(UUID)
    expect((await app.request('/clients/%FF')).headers.get('X-Request-Id')).toMatch(UUID)
  })

  test('that is refused is logged with its route and id, without its content', async () => {
    const app = serve('info', undefined, 'permissions')
    const headers = { Authorization: 'Bearer sesame', 'X-Request-Id': 'r-1' }
    await app.request('/clients/sesame?block=sesame', { method: 'DELETE', headers })
    expect(requests()).toEqual([
      expect.objectContaining({
        level: 'INFO',
        message: 'request refused',
        status: 401,
        method: 'DELETE',
        route: '/clients/:id',
        requestId: 'r-1',
      }),
    ])
    expect(said.join()).not.toContain('sesame')
  })

  test('that fails is logged with its id', async () => {
    const app = serve('info', () => {
      throw new Error('no socket')
    })
    await app.request('/sse', { headers: { 'X-Request-Id': 'r-1' } })
    expect(requests()).toMatchObject([{ message: 'request failed', requestId: 'r-1' }])
  })

  test('that succeeds is logged at level debug only', async () => {
    const request = (app: Service['app']) => app.request('/clients/alice?x=secret')
    await request(serve('info'))
    expect(requests()).toEqual([])
    await request(serve('debug'))
    expect(requests()).toMatchObject([
      { level: 'DEBUG', message: 'request handled', status: 200, route: '/clients/:id' },
    ])
    await serve('debug').request('/secret')
    expect(requests()).toMatchObject([{}, { status: 404, route: '/*' }])
    expect(said.join()).not.toContain('secret')
  })
})

test('each line has a time', async () => {
  await refuse(serve('info'), 'bob')
  const [line] = lines()
  expect(line?.['@timestamp']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('no client id can forge a line or a field', async () => {
  const client = '","level":"ERROR","message":"{reason} \u2028 %s'
  await refuse(serve('info'), client)
  expect(lines()).toMatchObject([{ level: 'WARN', message: 'stream refused', client }])
})

test('at level error streams are not logged', async () => {
  const app = serve('error')
  await refuse(app, 'bob')
  await cutOff(app)
  expect(lines()).toEqual([])
})

test('an unexpected error is logged with its message and its stack', async () => {
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
