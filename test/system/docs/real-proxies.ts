/** Proxies as people run them: started from the very configuration of the recipe, in front of a real hub. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { generate } from 'selfsigned'
import { afterAll, beforeAll } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { type Process, startProcess } from '../../support/process.ts'
import { codeOf } from './document.ts'

/** What a recipe's configuration is changed to, so that it runs on this machine. */
type Changes = Readonly<Record<string, string>>

/** A proxy that the recipe configures. */
export interface Proxy {
  readonly name: string
  /** What it answers to publishers while the hub is away. */
  readonly statusWithoutHub: number
  /** Starts it in front of a hub's port, with the given timeouts or those of the recipe. */
  start(hubPort: number, timeout?: string): Promise<string>
}

/** Whether tests may skip a program: never where all tests must run. */
export function isMissing(program: string, versionFlag = '-v'): boolean {
  const missing = spawnSync(program, [versionFlag]).status !== 0 && !process.env.CI
  if (missing) console.warn(`${program} is not installed: what needs it is skipped.`)
  return missing
}

/** All proxies of the recipe. */
export function proxies(): readonly Proxy[] {
  const started: Process[] = []
  let folder = ''
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hono-sse-proxy-'))
    // nginx's workers run as another user, who needs access.
    chmodSync(folder, 0o755)
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }])
    writeFileSync(join(folder, 'hub.pem'), cert)
    writeFileSync(join(folder, 'hub.key'), key)
    writeFileSync(join(folder, 'site.pem'), `${cert}\n${key}`)
  })
  afterAll(async () => {
    for (const proxy of started) await proxy.kill()
    rmSync(folder, { recursive: true })
  })
  return [
    { name: 'nginx', statusWithoutHub: 502, start: startNginx },
    { name: 'haproxy', statusWithoutHub: 503, start: startHaproxy },
  ]

  async function startNginx(hubPort: number, timeout = '60s'): Promise<string> {
    const port = await freePort()
    const server = changed(codeOf('proxies', 'hub.conf'), {
      '127.0.0.1:3020': `127.0.0.1:${hubPort}`,
      'listen 443 ': `listen 127.0.0.1:${port} `,
      '/etc/ssl/': `${folder}/`,
      'timeout 60s': `timeout ${timeout}`,
      'location / {': `${codeOf('proxies', 'prefix.conf')}\n  location / {`,
    })
    writeFileSync(join(folder, `nginx-${port}.conf`), nginxAround(server, port))
    const paths = ['-p', folder, '-e', 'stderr', '-c', `nginx-${port}.conf`]
    return await begin('nginx', paths, port)
  }

  async function startHaproxy(hubPort: number, timeout = '60s'): Promise<string> {
    const port = await freePort()
    const config = changed(codeOf('proxies', 'haproxy.cfg'), {
      '127.0.0.1:3020': `127.0.0.1:${hubPort}`,
      'bind :443 ': `bind 127.0.0.1:${port} `,
      '/etc/haproxy/': `${folder}/`,
      'client 60s': `client ${timeout}`,
      'server 60s': `server ${timeout}`,
    })
    const path = join(folder, `haproxy-${port}.cfg`)
    writeFileSync(path, config)
    return await begin('haproxy', ['-db', '-f', path], port)
  }

  async function begin(file: string, args: string[], port: number): Promise<string> {
    const proxy = startProcess({ file, args }, {})
    started.push(proxy)
    const url = `https://127.0.0.1:${port}`
    await eventually(() => fetchFrom('127.0.0.1')(`${url}/healthz`)).catch((error) => {
      throw new Error(`${file} does not listen (${error}): ${proxy.stderr}`)
    })
    return url
  }
}

/** The configuration around the recipe's server; it compresses everything, as some sites do. */
function nginxAround(server: string, port: number): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
worker_processes 1;
pid nginx-${port}.pid;
error_log stderr;
events {}
http {
  access_log off;
  gzip on;
  gzip_min_length 1;
  gzip_types *;
  ${folders.map((name) => `${name}_temp_path ${name}-${port};`).join('\n  ')}
  ${server}
}
`
}

/** @throws if the text to replace is missing, because the recipe has changed */
function changed(text: string, changes: Changes): string {
  return Object.entries(changes).reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`Not in the recipe any more: ${from}`)
    return before.replaceAll(from, to)
  }, text)
}

/** A `fetch` over HTTP/1.1 that takes any certificate, and comes from an address of this machine. */
export function fetchFrom(localAddress: string) {
  return (url: string | URL, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { method = 'GET', body, signal } = init
      const headers = Object.fromEntries(new Headers(init.headers))
      const options = { method, headers, localAddress, rejectUnauthorized: false }
      const sending = request(url, { ...options, ...(signal && { signal }) }, (message) => {
        // A stream that is cut in the middle is an end like any other.
        message.on('error', () => {})
        const answered = new Headers()
        for (const [name, values = []] of Object.entries(message.headersDistinct)) {
          for (const value of values) answered.append(name, value)
        }
        const stream = Readable.toWeb(message) as ReadableStream<Uint8Array>
        resolve(new Response(stream, { status: message.statusCode ?? 0, headers: answered }))
      })
      sending.once('error', reject)
      sending.end(body)
    })
}
