/** Real proxies in front of a hub, set up right or with one fault on purpose, and what the doctor finds. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll, beforeAll } from 'vitest'
import { KEY, run } from '../../support/cli.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { startHub } from '../../support/hub-server.ts'
import { type Process, type Server, startProcess } from '../../support/process.ts'
import { fetchFrom } from '../../system/docs/real-proxies.ts'

/** A program, and its right configuration. */
export interface ProxyProgram {
  readonly file: string
  /** With `FOLDER`, `PORT` and `HUB` (the port of the hub). */
  readonly config: string
  args(path: string): readonly string[]
}

/** Lines of the right configuration, and what replaces each of them. */
export type Fault = readonly (readonly [line: string, replacement: string])[]

/** How the doctor is called. */
export interface Call {
  readonly flags?: readonly string[]
  /** The path of the hub at the proxy. @defaultValue none */
  readonly path?: string
  /** Milliseconds between heartbeats. @defaultValue 1,000 */
  readonly heartbeatMs?: 1_000 | 4_000
  /** Whether the hub compresses streams; its heartbeat is the default. */
  readonly compresses?: true
  /** Whether the certificate is trusted. @defaultValue true */
  readonly trusted?: boolean
}

/** What the doctor found. */
export interface Diagnosis {
  /** Checks that are not fine, like `fault idle`. */
  readonly found: readonly string[]
  readonly exit: number | string
}

/** Starts the proxy with a fault, and lets the doctor examine it. */
export type Examine = (fault: Fault, call?: Call) => Promise<Diagnosis>

/** The origin of a page that may listen. */
const ORIGIN = 'https://app.example'

const DAY_MS = 86_400_000

const ENVIRONMENT = { PUBLISH_KEY: KEY, TRUST_PROXY: '1', CORS_ORIGINS: ORIGIN }

/** Prepares certificates and hubs for the proxies of one program. */
export function openClinic({ file, config, args }: ProxyProgram): Examine {
  let folder = ''
  const hubs = new Map<number | true, Server>()
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hono-sse-doctor-'))
    // nginx's workers run as another user, who needs access.
    chmodSync(folder, 0o755)
    const all = [await writeCertificate('site', 365), await writeCertificate('expiring', 2)]
    writeFileSync(join(folder, 'trusted.crt'), all.join('\n'))
    for (const ms of [1_000, 4_000]) {
      const beat = { HEARTBEAT_SECONDS: String(ms / 1_000) }
      hubs.set(ms, await startHub({ ...ENVIRONMENT, ...beat }))
    }
    const compressing = { HEARTBEAT_SECONDS: '1', COMPRESS_MIN_BYTES: '1000' }
    hubs.set(true, await startHub({ ...ENVIRONMENT, ...compressing }))
  })
  afterAll(async () => {
    for (const hub of hubs.values()) await hub.kill()
    rmSync(folder, { recursive: true })
  })
  return async (fault, call = {}) => {
    const { url: hub = '' } = hubs.get(call.compresses ?? call.heartbeatMs ?? 1_000) ?? {}
    const port = await freePort()
    const places = new Map([
      ['FOLDER', folder],
      ['PORT', String(port)],
      ['HUB', new URL(hub).port],
    ])
    const text = changed(config, fault).replace(
      /FOLDER|PORT|HUB/g,
      (name) => places.get(name) ?? '',
    )
    const path = join(folder, `${file}-${port}.conf`)
    writeFileSync(path, text)
    const proxy = startProcess({ file, args: args(path) }, { XDG_CONFIG_HOME: folder })
    try {
      await untilListening(proxy, port)
      return await diagnose(`https://localhost:${port}`, call)
    } finally {
      await proxy.kill()
    }
  }

  async function writeCertificate(name: string, days: number): Promise<string> {
    const notAfterDate = new Date(Date.now() + days * DAY_MS)
    const subject = [
      { name: 'commonName', value: 'localhost' },
      // A certificate is looked up by its subject.
      { name: 'organizationName', value: name },
    ]
    const { cert, private: key } = await generate(subject, { notAfterDate })
    writeFileSync(join(folder, `${name}.crt`), cert)
    writeFileSync(join(folder, `${name}.key`), key)
    writeFileSync(join(folder, `${name}.pem`), `${cert}\n${key}`)
    return cert
  }

  async function diagnose(url: string, call: Call): Promise<Diagnosis> {
    const { flags = [], path = '', trusted = true } = call
    const environment = {
      PUBLISH_KEY: KEY,
      ...(trusted && { NODE_EXTRA_CA_CERTS: join(folder, 'trusted.crt') }),
    }
    const command = ['doctor', url + path, '--json', '--origin', ORIGIN, ...flags]
    const { stdout, exit } = await run(command, { environment })
    const findings = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { check: string; outcome: string })
    const found = findings.filter(({ outcome }) => outcome !== 'ok')
    return { found: found.map(({ check, outcome }) => `${outcome} ${check}`), exit }
  }
}

async function untilListening(proxy: Process, port: number): Promise<void> {
  const get = () => fetchFrom('127.0.0.1')(`https://localhost:${port}/healthz`)
  await eventually(get).catch((error) => {
    throw new Error(`It does not listen (${error}): ${proxy.stderr}`)
  })
}

/** @throws if the line to replace is missing */
function changed(text: string, fault: Fault): string {
  return fault.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`Not in the configuration: ${from}`)
    return before.replace(from, () => to)
  }, text)
}
