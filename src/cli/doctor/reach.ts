/** How the doctor reaches a hub: DNS, TCP, TLS, the certificate, and the version of HTTP. */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { EXIT } from '../exit.ts'
import { type Finding, fault, ok, warning } from './finding.ts'
import type { Protocol } from './wire.ts'

/** The findings on the way to a hub, and the protocol that a browser would use; none if it can't be reached. */
export interface Reached {
  readonly findings: readonly Finding[]
  readonly protocol?: Protocol
}

/** A certificate that expires within this many days should have been renewed. */
const EXPIRY_DAYS = 14
const DAY_MS = 86_400_000

/** Fewer streams on one connection than a person has tabs. */
const FEW_STREAMS = 20

/** Connects to the host of a URL. @param now - milliseconds since 1970 */
export async function reach(url: URL, timeoutMs: number, now: number): Promise<Reached> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isTls = url.protocol === 'https:'
  const port = Number(url.port) || (isTls ? 443 : 80)
  let addresses: string
  try {
    addresses = (await lookup(host, { all: true })).map(({ address }) => address).join(', ')
  } catch (error) {
    const seen = `${host} has no address: ${reasonOf(error)}. Check its spelling, and its DNS record`
    return { findings: [{ ...fault('reach', seen), exitCode }] }
  }
  const signal = AbortSignal.timeout(timeoutMs)
  const tcp = connect({ host, port })
  const started = performance.now()
  try {
    await once(tcp, 'connect', { signal })
  } catch (error) {
    tcp.destroy()
    return unreachable(`${host} (${addresses}) does not accept connections: ${reasonOf(error)}`)
  }
  const ms = Math.round(performance.now() - started)
  const reached = ok('reach', `${host} is ${addresses}, and accepts a connection in ${ms} ms`)
  if (!isTls) {
    tcp.destroy()
    return { findings: [reached, ofHttp1('http:')], protocol: 'http/1.1' }
  }
  try {
    const { findings, protocol } = await handshake(tcp, host, signal, now)
    if (!protocol) return { findings: [reached, ...findings] }
    const version = protocol === 'h2' ? await ofHttp2(url, timeoutMs) : ofHttp1('https:')
    return { findings: [reached, ...findings, version], protocol }
  } catch (error) {
    const seen = `the TLS handshake fails: ${reasonOf(error)}`
    return { findings: [reached, { ...fault('certificate', seen, 'certificate'), exitCode }] }
  } finally {
    tcp.destroy()
  }
}

const exitCode = EXIT.unavailable

function unreachable(seen: string): Reached {
  return { findings: [{ ...fault('reach', seen, 'unreachable'), exitCode }] }
}

async function handshake(
  tcp: Socket,
  host: string,
  signal: AbortSignal,
  now: number,
): Promise<Reached> {
  const servername = isIP(host) ? {} : { servername: host }
  const ALPNProtocols = ['h2', 'http/1.1']
  // An invalid certificate is looked at here; nothing is sent before it is verified.
  const options = { socket: tcp, host, ...servername, ALPNProtocols, rejectUnauthorized: false }
  const socket = connectTls(options)
  await once(socket, 'secureConnect', { signal })
  socket.on('error', () => {})
  if (!socket.authorized) {
    const reason = String(Object(socket.authorizationError).message ?? socket.authorizationError)
    const seen = `the certificate is not valid for ${host}: ${reason}`
    return { findings: [{ ...fault('certificate', seen, 'certificate'), exitCode }] }
  }
  const protocol = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
  return { findings: [expiry(socket, now)], protocol }
}

function expiry(socket: TLSSocket, now: number): Finding {
  const { valid_to } = socket.getPeerCertificate()
  const days = Math.floor((Date.parse(valid_to) - now) / DAY_MS)
  const seen = `${socket.getProtocol()}, and the certificate is valid for ${days} more days`
  return days < EXPIRY_DAYS ? warning('certificate', seen, 'certificate') : ok('certificate', seen)
}

const SIX = 'a browser opens six connections per host across all tabs, and the seventh stream waits'

function ofHttp1(scheme: string): Finding {
  const why = scheme === 'https:' ? 'HTTP/2 is not offered' : 'without TLS, browsers use HTTP/1.1'
  return warning('http-version', `${why}: ${SIX}`, 'http2')
}

async function ofHttp2(url: URL, timeoutMs: number): Promise<Finding> {
  const session = connectHttp2(url.origin)
  try {
    session.on('error', () => {})
    await once(session, 'remoteSettings', { signal: AbortSignal.timeout(timeoutMs) })
    const streams = session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY
    const count = streams >= 2 ** 31 ? 'any number of' : String(streams)
    const seen = `HTTP/2, with ${count} streams on one connection`
    return streams < FEW_STREAMS ? warning('http-version', seen) : ok('http-version', seen)
  } catch (error) {
    return warning('http-version', `HTTP/2 is offered, but it fails: ${reasonOf(error)}`)
  } finally {
    session.destroy()
  }
}

/** Why something failed. If several addresses were tried, of the first one. */
function reasonOf(error: unknown): string {
  const [first = error] = error instanceof AggregateError ? error.errors : []
  if (Object(first).name === 'AbortError') return 'no answer in time'
  return first instanceof Error ? first.message : String(first)
}
