/** A certificate that is renewed while the server runs, as certbot and Kubernetes do it. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Certificate, createCertificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { type Server, startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'

const UNCHECKED = { rejectUnauthorized: false }

let certificate: Certificate
let server: Server
const ends: (() => void)[] = []
beforeEach(async () => {
  certificate = await createCertificate()
  server = await start()
})
afterEach(async () => {
  for (const end of ends.splice(0)) end()
  await server.kill()
  certificate.remove()
})

test('new connections see the new certificate, and open streams continue', async () => {
  const first = await commonName()
  const texts = [overHttp1('/sse?id=alice'), overHttp2('/sse?id=alice')]
  await eventually(() => expect(texts.every(({ text }) => text.includes('hub:ready'))).toBe(true))
  await renew('renewed.example')
  await eventually(async () => expect(await commonName()).toBe('renewed.example'))
  expect(first).toBe('localhost')
  const ping = overHttp1('/ping/alice', 'POST')
  await eventually(() => expect(ping.text).toContain('"connections":2'))
  await eventually(() => expect(texts.every(({ text }) => text.includes('data: hello'))).toBe(true))
  await eventually(() => expect(server.lines.join()).toContain('"certificate renewed"'))
})

test('several workers all use the new certificate', async () => {
  await server.kill()
  server = await start({ WORKERS: '2' })
  const text = overHttp2('/sse?id=alice')
  await eventually(() => expect(text.text).toContain('hub:ready'))
  await renew('renewed.example')
  const renewals = () => server.lines.filter((line) => line.includes('"certificate renewed"'))
  await eventually(() => expect(renewals()).toHaveLength(2))
  for (let n = 0; n < 6; n++) expect(await commonName()).toBe('renewed.example')
  const ping = overHttp1('/ping/alice', 'POST')
  await eventually(() => expect(ping.text).toContain('"connections":1'))
  await eventually(() => expect(text.text).toContain('data: hello'))
})

test('a broken certificate is reported once, and the old one is used until it is mended', async () => {
  writeFileSync(certificate.environment.TLS_CERT, 'not a certificate')
  await eventually(() => expect(failures()).toHaveLength(1))
  expect(await commonName()).toBe('localhost')
  rmSync(certificate.environment.TLS_KEY)
  await renew('mended.example')
  await eventually(async () => expect(await commonName()).toBe('mended.example'))
  expect(failures()).toHaveLength(1)
})

function start(environment: Readonly<Record<string, string>> = {}): Promise<Server> {
  const fixed = { ...certificate.environment, CLOCK_SECONDS: '0' }
  return startServer(COMMANDS.node, { ...fixed, ...environment })
}

function failures(): string[] {
  return server.lines.filter((line) => line.includes('"the certificate could not be renewed"'))
}

/** Replaces both files, each in one step. */
async function renew(name: string): Promise<void> {
  const { TLS_CERT, TLS_KEY } = certificate.environment
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }])
  for (const [path, text] of [
    [TLS_KEY, key],
    [TLS_CERT, cert],
  ] as const) {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
}

/** Whom the certificate of a new connection names. */
async function commonName(): Promise<unknown> {
  const socket = dial()
  await new Promise((resolve, reject) =>
    socket.once('secureConnect', resolve).once('error', reject),
  )
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return CN
}

function dial(): TLSSocket {
  const socket = connect({ port: Number(new URL(server.url).port), ...UNCHECKED })
  ends.push(() => socket.destroy())
  return socket
}

function overHttp1(path: string, method = 'GET'): { text: string } {
  const socket = dial()
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  return reading(socket)
}

function overHttp2(path: string): { text: string } {
  const session = connectHttp2(server.url, UNCHECKED)
  ends.push(() => session.destroy())
  return reading(session.request({ ':path': path }))
}

function reading(stream: Duplex): { text: string } {
  const read = { text: '' }
  stream.setEncoding('utf8').on('data', (text) => {
    read.text += text
  })
  stream.on('error', () => {})
  return read
}
