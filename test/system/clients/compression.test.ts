/** A hub that compresses, with its clients: each event arrives at once, and streams end as the format requires. */
import { spawn, spawnSync } from 'node:child_process'
import { get } from 'node:http'
import { createGunzip } from 'node:zlib'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { createCertificate } from '../../support/certificate.ts'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  IN_CHROMIUM,
  openContext,
} from '../../support/chromium.ts'
import { publish, untilConnections } from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import { type Environment, type Server, startServer } from '../../support/process.ts'
import { COMMANDS, type RuntimeName } from '../../support/runtimes.ts'

const COMPRESSING: Environment = {
  CLOCK_SECONDS: '0',
  RETRY_MS: '100',
  COMPRESS_MIN_BYTES: '1000',
}
const LARGE = 'The news of the hour. '.repeat(500)

async function start(runtime: RuntimeName, environment: Environment = {}): Promise<Server> {
  const server = await startServer(COMMANDS[runtime], { ...COMPRESSING, ...environment })
  onTestFinished(() => server.kill())
  return server
}

const WAYS = (['node', 'bun', 'deno'] as const).flatMap((runtime) =>
  (['native', 'portable'] as const).map((opener) => [runtime, opener] as const),
)

test.each(WAYS)(
  'on %s, a %s stream sends each event at once, and ends with a valid checksum',
  async (runtime, STREAM) => {
    const { url } = await start(runtime, { STREAM })
    let text = ''
    let bytes = 0
    const end = new Promise<void>((resolve, reject) => {
      const headers = { 'Accept-Encoding': 'gzip' }
      get(`${url}/sse?id=alice`, { headers }, (response) => {
        response.on('data', (part: Uint8Array) => {
          bytes += part.byteLength
        })
        const plain = response.pipe(createGunzip())
        plain.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        // It reports an incomplete stream, and one whose checksum differs.
        plain.once('end', resolve).once('error', reject)
      }).once('error', reject)
    })
    for (const data of ['small', LARGE, 'small again']) {
      await untilConnections(url, 'alice', 1)
      await publish(url, '/clients/alice', data)
      await until('the event', () => text.endsWith(`data: ${data}\n\n`))
    }
    expect(bytes).toBeLessThan(2_000)
    await fetch(`${url}/clients/alice`, { method: 'DELETE' })
    await end
    expect(text).toMatch(/event: hub:bye\ndata: {"reason":"disconnected"}\n\n$/)
  },
)

if (spawnSync('curl', ['--version']).error === undefined || process.env.CI === 'true') {
  test('curl --compressed prints each event at once, and ends well', async () => {
    const { url } = await start('node')
    const curl = spawn('curl', ['-sN', '--compressed', `${url}/sse?id=alice`])
    const exit = new Promise((resolve) => curl.once('close', resolve))
    let text = ''
    curl.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    await untilConnections(url, 'alice', 1)
    for (const data of ['small', LARGE]) {
      await publish(url, '/clients/alice', data)
      await until('the event', () => text.endsWith(`data: ${data}\n\n`))
    }
    await fetch(`${url}/clients/alice`, { method: 'DELETE' })
    expect(await exit).toBe(0)
  })
}

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  afterAll(closeBrowser)

  test.each(['HTTP/1.1', 'HTTP/2'])(
    'an EventSource over %s receives each event at once, and resumes after a goodbye',
    async (version) => {
      const certificate = version === 'HTTP/2' ? await createCertificate() : undefined
      onTestFinished(() => certificate?.remove())
      const { url } = await start('node', certificate?.environment)
      const context = await openContext({ ignoreHTTPSErrors: true })
      onTestFinished(() => context.close())
      const page = await context.newPage()
      let encoding: string | null = null
      page.on('response', async (response) => {
        if (response.url().includes('/sse'))
          encoding = await response.headerValue('Content-Encoding')
      })
      await page.goto(`${url}/healthz`)
      const received = await page.evaluate(
        async ([large]) => {
          const data: string[] = []
          let wake = () => {}
          const source = new EventSource('/sse?id=alice')
          const next = (type: string) =>
            new Promise<void>((resolve) => {
              source.addEventListener(type, () => resolve(), { once: true })
            })
          source.addEventListener('message', (event) => {
            data.push(event.data)
            wake()
          })
          const post = async (text: string) => {
            const arrived = new Promise<void>((resolve) => {
              wake = resolve
            })
            const headers = { 'Content-Type': 'text/plain' }
            await fetch('/clients/alice', { method: 'POST', headers, body: text })
            await arrived
          }
          await next('hub:ready')
          await post('small')
          await post(large ?? '')
          const back = next('hub:ready')
          await fetch('/clients/alice', { method: 'DELETE' })
          // Published while the client is away: it is replayed.
          await post('missed')
          await back
          await post('again')
          return data
        },
        [LARGE],
      )
      expect(received).toEqual(['small', LARGE, 'missed', 'again'])
      expect(encoding).toBe('gzip')
    },
  )
})
