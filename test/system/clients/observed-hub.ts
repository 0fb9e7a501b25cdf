/** Real hubs behind an HTTP proxy that records the requests of each client, and may refuse them. */
import {
  createServer,
  type IncomingMessage,
  request as requestOf,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll } from 'vitest'
import { startHub } from '../../support/hub-server.ts'
import type { Server } from '../../support/process.ts'

/** A request for a stream. */
export interface StreamRequest {
  /** When it arrived, in milliseconds. */
  readonly at: number
  /** The cursor in its header or its URL. */
  readonly cursor: string | undefined
}

/** One path of the proxy. */
export interface Line {
  /** The URL of the hub, as the client sees it. */
  readonly base: string
  /** The URL of the hub itself. */
  readonly hubUrl: string
  readonly requests: readonly StreamRequest[]
  /** The latest `retry:` that the hub has sent, in milliseconds. */
  readonly retryMs: number
  /** Cuts the connection, as a network does. */
  cut(): void
}

/** The hubs behind the proxy: those that ask for short waits or for long ones, without a key or with one. */
export type HubName = 'quick' | 'patient' | 'quick-keyed' | 'patient-keyed'

/** The proxy. */
export interface ObservedHub {
  readonly origin: string
  /** Opens a path of the proxy. @param status - what requests for streams are answered, instead of by the hub */
  line(name: string, hub: HubName, status?: number): Line
  /** Serves a page with a script. @returns its URL */
  page(name: string, script: string): string
}

/** The key of the hubs that have one. */
export const KEY = 'a-key-for-known-clients-0123456789'

/** The `RETRY_MS` of the patient hubs: even three quarters of it are longer than what any client waits by itself. */
const PATIENT_MS = 4_600

interface Target extends Omit<Line, 'requests' | 'retryMs'> {
  readonly requests: StreamRequest[]
  retryMs: number
  readonly status: number | undefined
  readonly open: Set<ServerResponse>
}

/** Starts the hubs and the proxy before the suite, and ends them after it. */
export function observeHubs(): ObservedHub {
  const lines = new Map<string, Target>()
  const pages = new Map<string, string>()
  const hubs = new Map<HubName, Server>()
  const proxy = createServer(handle)
  let origin = ''

  beforeAll(async () => {
    const start = async (name: HubName, RETRY_MS: string, more = {}) =>
      void hubs.set(name, await startHub({ RETRY_MS, ...more }))
    await Promise.all([
      start('quick', '100'),
      start('patient', String(PATIENT_MS)),
      start('quick-keyed', '100', { PUBLISH_KEY: KEY }),
      start('patient-keyed', String(PATIENT_MS), { PUBLISH_KEY: KEY }),
      new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve)),
    ])
    origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    proxy.closeAllConnections()
    proxy.close()
    for (const hub of hubs.values()) await hub.kill()
  })
  return {
    get origin() {
      return origin
    },
    line,
    page: (name, script) => {
      pages.set(`/${name}.js`, script)
      pages.set(`/${name}.html`, `<!doctype html><script src="/${name}.js"></script>`)
      return `${origin}/${name}.html`
    },
  }

  function line(name: string, hub: HubName, status?: number): Line {
    const open = new Set<ServerResponse>()
    const target = {
      base: `${origin}/${name}`,
      hubUrl: hubs.get(hub)?.url ?? '',
      requests: [],
      retryMs: 0,
      status,
      open,
      cut: () => {
        for (const response of open) response.destroy()
      },
    }
    lines.set(name, target)
    return target
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', origin)
    const page = pages.get(pathname)
    if (page !== undefined) {
      response.setHeader('Content-Type', pathname.endsWith('.js') ? 'text/javascript' : 'text/html')
      response.end(page)
      return
    }
    const [, name = ''] = pathname.split('/')
    const target = lines.get(name)
    if (!target) {
      response.writeHead(404).end()
      return
    }
    if (pathname.endsWith('/sse')) {
      const header = request.headers['last-event-id']?.toString()
      const cursor = header ?? (searchParams.get('lastEventId') || undefined)
      target.requests.push({ at: performance.now(), cursor })
      if (target.status !== undefined) {
        refuse(response, target.status)
        return
      }
      target.open.add(response)
      response.once('close', () => target.open.delete(response))
    }
    const url = `${target.hubUrl}${request.url?.slice(name.length + 1)}`
    forward(request, response, url, (text) => {
      const [, retryMs] = /^retry: (\d+)$/m.exec(text) ?? []
      if (retryMs) target.retryMs = Number(retryMs)
    })
  }
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' })
  response.end(JSON.stringify({ status, detail: 'The proxy refuses.' }))
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  url: string,
  onText: (text: string) => void,
): void {
  const { host: _, ...headers } = request.headers
  const sent = requestOf(url, { method: request.method, headers, agent: false }, (received) => {
    response.writeHead(received.statusCode ?? 502, received.headers)
    response.flushHeaders()
    received.on('data', (chunk) => onText(String(chunk))).pipe(response)
  })
  sent.on('error', () => response.destroy())
  response.once('close', () => sent.destroy())
  request.pipe(sent)
}
