/** `hono-sse doctor`: stands where a client stands, and reports what is between it and the hub. */
import { basicClock } from '../../core/clock.ts'
import { CliError, EXIT } from '../exit.ts'
import type { Credentials, Timeout } from '../publish.ts'
import { DEFAULT_TIMEOUT, errorOf, fieldsOf, routeUrl } from '../remote.ts'
import { type Finding, fault, formatFinding, ok } from './finding.ts'
import { decompressed } from './hub-compression.ts'
import { reach } from './reach.ts'
import { checkBodySize, checkCookie, checkCors } from './request-checks.ts'
import { checkBuffering, checkIdle, checkResume, isReady } from './stream-checks.ts'
import { probeStream, type StreamProbe } from './stream-probe.ts'
import { CredentialLost, checkReceived, ENCODINGS, requestStream, type Target } from './target.ts'
import { createSend, NoResponseInTime } from './wire.ts'

/** The flags of `doctor`. */
export interface DoctorFlags extends Credentials, Timeout {
  /** The origin of a page that listens, like `https://app.example`. */
  readonly origin?: string
  readonly json?: true
}

/** Examines a hub and prints each finding. The first fault sets the exit code of the process. @throws {CliError} for wrong usage */
export async function doctor(hub: string, flags: DoctorFlags): Promise<void> {
  routeUrl(hub)
  const { exitCode } = process
  for await (const finding of examine(hub, flags)) {
    console.log(formatFinding(finding, flags))
    if (finding.outcome !== 'fault' || process.exitCode !== exitCode) continue
    process.exitCode = finding.exitCode ?? EXIT.refused
  }
}

async function* examine(hub: string, flags: DoctorFlags): AsyncGenerator<Finding> {
  const { key, token, origin, timeout = DEFAULT_TIMEOUT } = flags
  const timeoutMs = timeout * 1_000
  const { findings, protocol } = await reach(routeUrl(hub), timeoutMs, basicClock.now())
  yield* findings
  if (!protocol) return
  const target = { hub, send: createSend(protocol, timeoutMs), timeoutMs, key, token }
  const response = await attempt('hub', () => checkHub(target))
  yield response
  if (response.outcome === 'fault') return
  yield* examineStreams(target, origin)
}

/** Whether the hub answers at this URL at all. */
async function checkHub({ hub, send }: Target): Promise<Finding> {
  const response = await send(routeUrl(hub, 'healthz'))
  const { status, headers } = response
  const { message } = await errorOf(response)
  const server = headers.get('Server')
  const by = server ? ` (Server: ${server})` : ''
  if (status === 200) return ok('hub', `/healthz is answered with 200${by}`)
  const location = headers.get('Location')
  if (location) return fault('hub', `/healthz redirects to ${location}: examine that URL`)
  if (status === 404) return fault('hub', `there is no hub at this path: ${message}${by}`, 'prefix')
  const seen = `/healthz is answered with ${message}${by}`
  // A hub requires no credential here.
  if (status === 401 || status === 403) return fault('hub', `${seen}: a proxy refuses it`)
  const exitCode = status >= 500 ? EXIT.unavailable : EXIT.refused
  return { ...fault('hub', seen, 'unreachable'), exitCode }
}

async function* examineStreams(
  target: Target,
  origin: string | undefined,
): AsyncGenerator<Finding> {
  let client = `doctor-${crypto.randomUUID()}`
  const opened = await openFirst(target, client)
  yield* opened.findings
  const { stream, ready, ms } = opened
  if (!stream || !ready) return await stream?.close()
  yield ok('stream', `hub:ready arrived ${ms} ms after the request`)
  const fields = fieldsOf(ready.data)
  // With a token, the hub names the client.
  client = String(fields.client)
  const silent = openSilent(target)
  // It is reported last.
  silent.catch(() => {})
  yield await attempt('buffering', () => checkBuffering(target, client, stream))
  yield await attempt('last-event-id', () => checkResume(target, client, ready.id))
  yield await attempt('body-size', () => checkBodySize(target, client, stream))
  await stream.close()
  yield await attempt('cookie', () => checkCookie(target, client))
  yield await attempt('cors', () => checkCors(target, client, origin))
  yield await attempt('idle', async () => {
    const idle = await silent
    const finding = await checkIdle(idle, Number(fields.heartbeatMs))
    await idle.close()
    return finding
  })
}

/** A stream of another client, which the events of the other checks do not reach. */
async function openSilent(target: Target): Promise<StreamProbe> {
  return probeStream(await requestStream(target, `doctor-${crypto.randomUUID()}`))
}

interface Opened {
  readonly findings: readonly Finding[]
  readonly stream?: StreamProbe
  readonly ready?: { readonly id?: string | undefined; readonly data: string } | undefined
  readonly ms?: number
  /** How the stream is compressed; undefined if it is not. */
  readonly encoding?: string | undefined
}

/** Opens a stream as a browser does, and without compression if that fails. */
async function openFirst(target: Target, client: string): Promise<Opened> {
  const asBrowser = await openReady(target, client, ENCODINGS)
  const { encoding } = asBrowser
  if (asBrowser.ready) {
    const seen = encoding
      ? `the hub compresses streams (${encoding}), which does not delay events`
      : 'streams are not compressed'
    return { ...asBrowser, findings: [ok('compression', seen)] }
  }
  if (asBrowser.findings.length > 0) return asBrowser
  await asBrowser.stream?.close()
  const plain = await openReady(target, client, {})
  if (!plain.ready) {
    if (plain.findings.length > 0) return plain
    await plain.stream?.close()
    const seen = `the hub answers, but nothing of a stream arrives within ${target.timeoutMs / 1_000} s`
    return { findings: [fault('buffering', seen, 'buffering')] }
  }
  const seen = isByProxy(asBrowser)
    ? `streams are compressed (${encoding}), which delays events`
    : 'a stream arrives only if the client does not accept compression'
  return { ...plain, findings: [fault('compression', seen, 'compression')] }
}

/** How a stream is compressed; undefined if it is not. */
function encodingOf({ headers }: Response): string | undefined {
  const encoding = headers.get('Content-Encoding') ?? 'identity'
  return encoding === 'identity' ? undefined : encoding
}

/** Whether it was a proxy that compressed a stream, which was then not read. */
function isByProxy({ encoding, stream }: Opened): boolean {
  return encoding !== undefined && !stream
}

/** Opens a stream and waits for `hub:ready`: without a finding if it is only late. */
async function openReady(
  target: Target,
  client: string,
  headers: Readonly<Record<string, string>>,
): Promise<Opened> {
  const started = performance.now()
  let response: Response
  try {
    response = await requestStream(target, client, headers)
    checkReceived(target, response)
  } catch (error) {
    return { findings: error instanceof NoResponseInTime ? [] : [failure('stream', error)] }
  }
  if (response.status !== 200) return { findings: [failure('stream', await errorOf(response))] }
  if (!/^text\/event-stream\b/i.test(response.headers.get('Content-Type') ?? '')) {
    await response.body?.cancel()
    return { findings: [fault('stream', 'the response is not a stream: this is not a hub')] }
  }
  const encoding = encodingOf(response)
  const readable = encoding ? await decompressed(response, target.timeoutMs) : response
  if (!readable) return { findings: [], encoding }
  const stream = probeStream(readable)
  const ready = await stream.find(isReady, target.timeoutMs)
  return { findings: [], stream, ready, ms: Math.round(performance.now() - started), encoding }
}

async function attempt(check: string, run: () => Promise<Finding>): Promise<Finding> {
  try {
    return await run()
  } catch (error) {
    return failure(check, error)
  }
}

function failure(check: string, error: unknown): Finding {
  if (error instanceof CredentialLost) {
    const found = fault('authorization', error.message, 'authorization')
    return { ...found, exitCode: EXIT.forbidden }
  }
  if (error instanceof CliError) {
    return { ...fault(check, error.message), exitCode: error.exitCode }
  }
  const seen = error instanceof Error ? error.message : String(error)
  return { ...fault(check, seen, 'unreachable'), exitCode: EXIT.unavailable }
}
