/** `serve` of `hono-sse/serve`, chosen by the export conditions of each runtime: it listens, and stops gracefully. */
import { readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { serve } from '../../src/adapters/node/serve.ts'
import { createServe, type ServedApp, type ServeOptions } from '../../src/server/serving.ts'
import { createCertificate } from '../support/certificate.ts'
import { listen, publish } from '../support/client.ts'
import { hasData, named } from '../support/events.ts'
import { until } from '../support/eventually.ts'
import type { Server } from '../support/process.ts'
import { openScripts, SCRIPT_RUNTIMES } from '../support/serve-script.ts'

const start = openScripts()

/** Opens a stream that is not of the hub, and that nobody ends. */
async function openEndless({ url }: Server): Promise<() => boolean> {
  let cut = false
  const body = (await fetch(`${url}/endless`)).body?.getReader()
  await body?.read()
  void body?.closed
    .catch(() => {})
    .then(() => {
      cut = true
    })
  body?.read().catch(() => {})
  return () => cut
}

describe.each(SCRIPT_RUNTIMES)('on %s', (...runtime) => {
  test('a signal ends the streams of the hub with a goodbye, and then the process', async () => {
    const server = await start(runtime, 'hub, drainMs: 2_000')
    const listener = await listen(server.url, 'id=alice')
    await publish(server.url, '/clients/alice', 'hello')
    await listener.next(hasData('hello'))
    server.signal('SIGTERM')
    const { data } = await listener.next(named('hub:bye'))
    expect(JSON.parse(data)).toMatchObject({ reason: 'shutdown' })
    expect(await server.exit).toBe(0)
    expect(server.stderr).toBe('')
  })

  test('stop closes what does not end by itself, and the process ends', async () => {
    const server = await start(
      runtime,
      'drainMs: 300',
      `process.once('SIGUSR2', () => server.stop())`,
    )
    const isCut = await openEndless(server)
    server.signal('SIGUSR2')
    expect(await server.exit).toBe(0)
    await until('the stream is cut', isCut)
  })

  test('what an app throws goes to onError, and to no client', async () => {
    const onError = `(error) => console.error('reported: ' + error)`
    const server = await start(runtime, `onError: ${onError}`)
    const response = await fetch(`${server.url}/broken`)
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('Internal Server Error')
    await until('it is reported', () => server.stderr !== '')
    expect(server.stderr).toBe('reported: no error, but text\n')
  })

  test('a second signal ends the process at once', async () => {
    const rest = `process.once('SIGTERM', () => console.log('stopping'))`
    const server = await start(runtime, 'drainMs: 60_000, signals: true', rest)
    await openEndless(server)
    server.signal('SIGTERM')
    await until('it stops', () => server.lines.includes('stopping'))
    server.signal('SIGINT')
    expect(await server.exit).toBe(130)
  })

  test('of two servers, the last one that has stopped ends the process', async () => {
    const rest = `await serve(app, { port: 0, hub: createHub(), drainDelayMs: 300, drainMs: 1_000 })
      setInterval(() => {}, 60_000)`
    const server = await start(runtime, 'hub, drainMs: 1_000', rest)
    await listen(server.url, 'id=alice')
    server.signal('SIGTERM')
    expect(await server.exit).toBe(0)
  })

  test('a program that listens to the signal itself decides when it ends', async () => {
    const rest = `process.once('SIGTERM', async () => {
      await server.stop()
      process.exit(7)
    })`
    const server = await start(runtime, 'hub, drainMs: 500', rest)
    server.signal('SIGTERM')
    expect(await server.exit).toBe(7)
  })

  test('with a certificate it serves HTTP/1.1 and HTTP/2', async () => {
    const { environment, remove } = await createCertificate()
    onTestFinished(remove)
    const [cert, key] = (['TLS_CERT', 'TLS_KEY'] as const).map((name) =>
      JSON.stringify(readFileSync(environment[name], 'utf8')),
    )
    const server = await start(runtime, `tls: { cert: ${cert}, key: ${key} }`)
    expect(server.url).toMatch(/^https:/)
    const status = await new Promise((resolve, reject) => {
      const options = { rejectUnauthorized: false, agent: false }
      get(`${server.url}/healthz`, options, (response) => resolve(response.statusCode)).on(
        'error',
        reject,
      )
    })
    expect(status).toBe(200)
    const session = connectHttp2(server.url, { rejectUnauthorized: false })
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/sse?id=alice' }).setEncoding('utf8')
    let text = ''
    stream.on('data', (part: string) => {
      text += part
    })
    await until('a stream opens over HTTP/2', () => text.includes('hub:ready'))
  })
})

test('without HTTP/2, a server with TLS speaks HTTP/1.1 only', async () => {
  const { environment, remove } = await createCertificate()
  onTestFinished(remove)
  const [cert = '', key = ''] = (['TLS_CERT', 'TLS_KEY'] as const).map((name) =>
    readFileSync(environment[name], 'utf8'),
  )
  const app = { fetch: () => new Response('ok') }
  const server = await serve(app, { port: 0, tls: { cert, key }, http2: false })
  onTestFinished(server.stop)
  const session = connectHttp2(server.url, { rejectUnauthorized: false })
  await new Promise((resolve) => session.once('error', resolve).once('close', resolve))
  expect(session.alpnProtocol).not.toBe('h2')
  expect(server.stop()).toBe(server.stop())
})

const FAILURE = new Error('from onError')

const app: ServedApp = { fetch: () => new Response('ok') }

test.each<[string, unknown, unknown]>([
  ['requires an app', {}, {}],
  ['requires an app', undefined, {}],
  ['no option "prot"', app, { prot: 3000 }],
  ['port', app, { port: 65_536 }],
  ['port', app, { port: '3000' }],
  ['hostname', app, { hostname: '' }],
  ['tls', app, { tls: { cert: '', key: '' } }],
  ['tls', app, { tls: true }],
  ['tls', app, { tls: { certFile: 'cert.pem' } }],
  ['tls', app, { tls: { certFile: 'cert.pem', keyFile: '' } }],
  ['tls', app, { tls: { certFile: 'cert.pem', keyFile: 'key.pem', ca: 'ca.pem' } }],
  ['http2', app, { http2: 'yes' }],
  ['requires tls', app, { http2: true }],
  ['not created by createHub', app, { hub: {} }],
  ['hub', app, { hub: 1 }],
  ['drainMs', app, { drainMs: -1 }],
  ['drainDelayMs', app, { drainDelayMs: '5' }],
  ['signals', app, { signals: 'SIGTERM' }],
  ['onError', app, { onError: null }],
])('an invalid option is refused: %s', async (message, served, options) => {
  const started = serve(served as ServedApp, options as ServeOptions)
  await expect(started).rejects.toThrow(TypeError)
  await expect(started).rejects.toThrow(message)
})

test.each([
  [
    'throws',
    () => {
      throw FAILURE
    },
  ],
  ['rejects', () => Promise.reject(FAILURE)],
])('an onError that %s is logged, and the server goes on', async (_, onError) => {
  const logged = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => logged.mockRestore())
  let refuse = (_error: unknown) => {}
  const serveOn = createServe(async (init) => {
    refuse = init.onError
    return { port: 1, stop: async () => {}, abort: () => {} }
  })
  await serveOn(app, { onError })
  refuse(new Error('too many open files'))
  await new Promise(setImmediate)
  expect(logged.mock.calls).toEqual([[FAILURE]])
})

test('a certificate that can’t be read is an error', async () => {
  const tls = { certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem' }
  await expect(serve(app, { port: 0, tls })).rejects.toThrow('/nowhere/cert.pem')
})

test('a port that is taken is an error', async () => {
  const first = await serve(app, { port: 0, drainMs: 0 })
  onTestFinished(first.stop)
  await expect(serve(app, { port: first.port })).rejects.toThrow('EADDRINUSE')
})
