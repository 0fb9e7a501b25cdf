/** `serve` shares with the command what a server does while it listens. */
import { renameSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { generate } from 'selfsigned'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { eventually, until } from '../support/eventually.ts'
import type { Command } from '../support/process.ts'
import { openScripts, SCRIPT_RUNTIMES } from '../support/serve-script.ts'

const start = openScripts()

const withFewFiles = ({ file, args }: Command): Command => ({
  file: 'bash',
  args: ['-c', 'ulimit -n 200; exec "$0" "$@"', file, ...args],
})

describe.each(SCRIPT_RUNTIMES)('on %s', (...runtime) => {
  test('a server that is served keeps descriptors while connections take the rest, and reports it once', async () => {
    const onError = `onError: (error) => console.log('ERROR ' + error.message)`
    // It opens files, as any app does.
    const rest = `process.on('SIGUSR2', () => {
      const opened = []
      try { while (opened.length < 10) opened.push(openSync(import.meta.filename)) } catch {}
      console.log('opened ' + opened.length)
      opened.forEach(closeSync)
    })`
    const server = await start(runtime, onError, rest, withFewFiles)
    const errors = () => server.lines.filter((line) => line.startsWith('ERROR '))
    const sockets = Array.from({ length: 260 }, () => openSocket(server.url))
    onTestFinished(() => closeAll(sockets))
    await until('it reports that', () => errors().length > 0)
    server.signal('SIGUSR2')
    await until('it has tried', () => server.lines.some((line) => line.startsWith('opened')))
    expect(server.lines).toContain('opened 10')
    closeAll(sockets)
    await eventually(async () => expect((await fetch(`${server.url}/healthz`)).status).toBe(200))
    expect(errors()).toHaveLength(1)
  })
})

// Deno can't replace a certificate without ending streams over HTTP/2.
describe.each(SCRIPT_RUNTIMES.slice(0, 2))('on %s', (...runtime) => {
  test('a server that is served uses a renewed certificate, and its streams continue', async () => {
    const { environment, remove } = await createCertificate()
    onTestFinished(remove)
    const { TLS_CERT: certFile, TLS_KEY: keyFile } = environment
    const onError = `onError: (error) => console.log('ERROR ' + error.message)`
    const server = await start(runtime, `tls: ${JSON.stringify({ certFile, keyFile })}, ${onError}`)
    const port = Number(new URL(server.url).port)
    expect(await commonName(port)).toBe('localhost')
    const stream = connectTls({ port, rejectUnauthorized: false }).setEncoding('utf8')
    onTestFinished(() => void stream.destroy())
    let text = ''
    stream.on('data', (part) => {
      text += part
    })
    stream.write('GET /sse?id=alice HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until('the stream is open', () => text.includes('hub:ready'))
    writeFileSync(certFile, 'not a certificate')
    await until('it reports the broken certificate', () =>
      server.lines.some((line) => line.startsWith('ERROR the certificate could not be renewed: ')),
    )
    expect(await commonName(port)).toBe('localhost')
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'new.example' }])
    for (const [path, pem] of [
      [keyFile, key],
      [certFile, cert],
    ] as const) {
      writeFileSync(`${path}.new`, pem)
      renameSync(`${path}.new`, path)
    }
    await eventually(async () => expect(await commonName(port)).toBe('new.example'))
    const ping = connectTls({ port, rejectUnauthorized: false }).resume()
    onTestFinished(() => void ping.destroy())
    ping.write('POST /ping/alice HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until('the stream receives', () => text.includes('data: hello'))
  })
})

function openSocket(url: string): Socket {
  // It may be reset at any time.
  return connect(Number(new URL(url).port), '127.0.0.1')
    .resume()
    .on('error', () => {})
}

function closeAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy()
}

/** Whom the certificate of a new connection names. */
function commonName(port: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subject.CN)
      socket.destroy()
    }).once('error', reject)
  })
}
