/** `serve`, on every runtime: listens, and stops in an order in which clients lose nothing. */
import { isolatedReport } from '../hub/hooks/isolate.ts'
import type { Hub } from '../hub/hub-types.ts'
import { internalsOf } from '../hub/internals.ts'
import type { ServeCertificate, ServeCertificateFiles } from './certificate.ts'
import { answerFailures } from './failed-request.ts'
import { type Listen, openSocket } from './listening.ts'
import { createReport } from './report.ts'
import { onStopSignal, type StopSignal, stoppingServers, stopServer } from './stopping.ts'

/** An app: its `fetch` receives what the runtime’s server knows about a request as its second argument. */
export interface ServedApp {
  fetch(request: Request, bindings: object): Response | Promise<Response>
}

/** Options of `serve`. */
export interface ServeOptions {
  /** The TCP port; 0 for any free port. @defaultValue `3000` */
  readonly port?: number | undefined
  /** The address to listen on; `0.0.0.0` or `::` for all. @defaultValue `127.0.0.1` */
  readonly hostname?: string | undefined
  /**
   * If present, the server uses TLS. Node and Bun look at files every five seconds, and use a renewed
   * certificate for new connections.
   * @defaultValue none
   */
  readonly tls?: ServeCertificate | ServeCertificateFiles | undefined
  /** Whether to support HTTP/2 beside HTTP/1.1; requires `tls`. Deno always does. @defaultValue whether there is `tls` */
  readonly http2?: boolean | undefined
  /** The hub of the app: `stop` closes it first, so that clients learn when to reconnect. @defaultValue none */
  readonly hub?: Hub | undefined
  /**
   * Milliseconds that the server continues after `stop` or SIGTERM, while `/readyz` of the hub's app
   * returns 503, so that load balancers use other instances. @defaultValue `0`
   */
  readonly drainDelayMs?: number | undefined
  /** Milliseconds within which all streams and requests end after that. @defaultValue `10_000` */
  readonly drainMs?: number | undefined
  /**
   * Whether SIGTERM, SIGINT and SIGHUP stop the server and then end the process. A second signal ends it at once.
   * @defaultValue whether there is a `hub`
   */
  readonly signals?: boolean | undefined
  /** Called with what the server survives: what the app throws, or having to refuse connections. @defaultValue `console.error` */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** A server that listens. */
export interface RunningServer {
  /** The port that it listens on. */
  readonly port: number
  /** Where it is reached from this machine, for example `http://127.0.0.1:3000`. */
  readonly url: string
  /**
   * Closes the hub, then the server. Resolves when the last connection is closed: `drainDelayMs` and `drainMs`
   * later at the latest.
   * Safe to call twice: the second call waits for the first.
   */
  stop(): Promise<void>
}

/** Serves an app. @throws {TypeError} for an option that is unknown or invalid. Rejects if it can't listen. */
export type Serve = (app: ServedApp, options?: ServeOptions) => Promise<RunningServer>

/** Creates the `serve` of a runtime. */
export function createServe(listen: Listen): Serve {
  return async (app, options = {}) => {
    checkOptions(app, options)
    const { port = 3_000, hostname = '127.0.0.1', tls, hub } = options
    const { drainMs = 10_000, drainDelayMs = 0 } = options
    const { http2 = tls !== undefined, signals = hub !== undefined } = options
    const onError = isolatedReport(options.onError)
    const report = createReport({
      info: () => {},
      error: (message, fields) => onError(errorOf(message, fields?.error)),
    })
    const fetch = answerFailures<[object]>(
      (request, bindings) => app.fetch(request, bindings),
      onError,
    )
    const socket = await openSocket(listen, { fetch, port, hostname, tls, http2, report })
    let stopped: Promise<void> | undefined
    const forget = signals ? onStopSignal(stopAndExit) : undefined
    const host = hostname.includes(':') ? `[${hostname}]` : hostname
    const url = `${tls ? 'https' : 'http'}://${host}:${socket.port}`
    return { port: socket.port, url, stop: () => stop(drainDelayMs) }

    function stop(delayMs: number): Promise<void> {
      const retire = () => hub && internalsOf(hub).retire()
      const close = hub && ((ms: number) => hub.close(ms))
      stopped ??= stopServer({ retire, close, socket }, { delayMs, drainMs }).finally(forget)
      return stopped
    }

    function stopAndExit(signal: StopSignal): void {
      // If the program listens as well, it decides when the process ends; otherwise, the last server does.
      const alone = process.listenerCount(signal) === stoppingServers()
      const exit = (code: number) => {
        if (!alone) return
        if (code > 0) process.exitCode = code
        if (stoppingServers() === 0) process.exit()
      }
      stop(signal === 'SIGTERM' ? drainDelayMs : 0).then(
        () => exit(0),
        (error) => {
          onError(error)
          exit(1)
        },
      )
    }
  }
}

function errorOf(message: string, cause: unknown): Error {
  return new Error(`${message}: ${cause instanceof Error ? cause.message : cause}`, { cause })
}

const OPTIONS: Readonly<Record<keyof ServeOptions, (value: unknown) => boolean>> = {
  port: (value) => isInteger(value) && value <= 65_535,
  hostname: (value) => typeof value === 'string' && value !== '',
  tls: isCertificate,
  http2: (value) => typeof value === 'boolean',
  hub: (value) => internalsOf(value as object) !== undefined,
  drainMs: isTimeout,
  drainDelayMs: isTimeout,
  signals: (value) => typeof value === 'boolean',
  onError: (value) => typeof value === 'function',
}

function checkOptions(app: ServedApp, options: ServeOptions): void {
  if (typeof app?.fetch !== 'function')
    throw new TypeError('serve requires an app with fetch: pass the app itself.')
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) throw new TypeError(`serve has no option "${name}".`)
    if (value !== undefined && !OPTIONS[name as keyof ServeOptions](value)) {
      throw new TypeError(`The option ${name} of serve is invalid.`)
    }
  }
  if (options.http2 && !options.tls) throw new TypeError('The option http2 of serve requires tls.')
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0
}

function isTimeout(value: unknown): boolean {
  return isInteger(value) && value <= 2_147_483_647
}

/** Whether it is either a certificate or files. */
function isCertificate(value: unknown): boolean {
  const { cert, key, certFile, keyFile, ...rest } = Object(value)
  if (Object.keys(rest).length > 0) return false
  return certFile === undefined && keyFile === undefined
    ? isPem(cert) && isPem(key)
    : cert === undefined && key === undefined && isPath(certFile) && isPath(keyFile)
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !isPem(value)
}

function isPem(value: unknown): boolean {
  return typeof value === 'string' && value.includes('-----BEGIN ')
}
