/** A server stops within its time, and load balancers learn that before its clients do. */
import { readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { describe, expect, onTestFinished, test } from 'vitest'
import { serve } from '../../src/adapters/node/serve.ts'
import { stopServer } from '../../src/server/stopping.ts'
import { createCertificate } from '../support/certificate.ts'
import { listen } from '../support/client.ts'
import { named } from '../support/events.ts'
import { until } from '../support/eventually.ts'
import { openScripts, SCRIPT_RUNTIMES } from '../support/serve-script.ts'

const start = openScripts()

describe.each(SCRIPT_RUNTIMES)('on %s', (...runtime) => {
  test('after SIGTERM a server that is served goes on for the delay, while /readyz returns 503', async () => {
    const server = await start(runtime, 'hub, drainDelayMs: 1_500')
    const ready = async () => (await fetch(`${server.url}/readyz`)).status
    expect(await ready()).toBe(200)
    const alice = await listen(server.url, 'id=alice')
    server.signal('SIGTERM')
    await until('load balancers know', async () => (await ready()) === 503)
    await listen(server.url, 'id=bob')
    await alice.next(named('hub:bye'))
    expect(await server.exit).toBe(0)
  })
})

test('a session of HTTP/2 without requests does not hold up a stop', async () => {
  const { environment, remove } = await createCertificate()
  onTestFinished(remove)
  const { TLS_CERT: certFile, TLS_KEY: keyFile } = environment
  const app = { fetch: () => new Response('ok') }
  const server = await serve(app, { port: 0, tls: { certFile, keyFile }, drainMs: 2 ** 31 - 1 })
  const session = connectHttp2(server.url, { ca: readFileSync(certFile) })
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':path': '/' }).resume()
  await new Promise((resolve) => stream.once('close', resolve))
  await server.stop()
})

test('what is left after the drain is aborted, also if the hub fails', async () => {
  const calls: string[] = []
  let resolveClosed = () => {}
  const socket = {
    port: 1,
    stop: () => new Promise<void>((resolve) => (resolveClosed = resolve)),
    abort: () => {
      calls.push('abort')
      resolveClosed()
    },
  }
  const stopped = stopServer(
    {
      retire: () => calls.push('retire'),
      close: async () => {
        calls.push('close')
        throw new Error('journal')
      },
      socket,
    },
    { delayMs: 0, drainMs: 10 },
  )
  await expect(stopped).rejects.toThrow('journal')
  expect(calls).toEqual(['retire', 'close', 'abort'])
})
