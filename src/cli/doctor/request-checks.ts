/** What the doctor checks with single requests: the size of bodies, cookies, and CORS. */
import { errorOf, routeUrl } from '../remote.ts'
import { type Finding, fault, ok, skipped, warning } from './finding.ts'
import type { StreamProbe } from './stream-probe.ts'
import { isForbidden, publishTo, requestStream, streamUrlOf, type Target } from './target.ts'

/** Characters of an event just below the default of MAX_EVENT_BYTES. */
const LARGE = 261_120

/** Publishes a large event, and waits for it. */
export async function checkBodySize(
  target: Target,
  client: string,
  stream: StreamProbe,
): Promise<Finding> {
  const data = 'x'.repeat(LARGE)
  const size = `an event of ${LARGE / 1_024} KB`
  let response: Response
  try {
    response = await publishTo(target, client, { data, ephemeral: true })
  } catch (error) {
    return fault('body-size', `${size} was not accepted: ${(error as Error).message}`, 'bodySize')
  }
  if (isForbidden(response)) {
    await response.body?.cancel()
    return skipped('body-size', 'no credential that may publish (--key, --token)')
  }
  const isProblem = /^application\/problem\+json/.test(response.headers.get('Content-Type') ?? '')
  if (response.status === 413 && isProblem) {
    await response.body?.cancel()
    return ok('body-size', `the hub itself refuses ${size}: its MAX_EVENT_BYTES is lower`)
  }
  if (!response.ok) {
    // A proxy that refuses a body before its end may also reset the stream before ours.
    const reason = await errorOf(response).then(
      ({ message }) => message,
      () => response.status,
    )
    return fault('body-size', `${size} was refused: ${reason}`, 'bodySize')
  }
  await response.body?.cancel()
  if (await stream.find((frame) => frame.data === data, target.timeoutMs)) {
    return ok('body-size', `${size} was accepted, and arrived`)
  }
  return fault('body-size', `${size} was accepted, but did not arrive`, 'buffering')
}

/** Opens a stream with a ticket, and again with the cookie that came with it. */
export async function checkCookie(target: Target, client: string): Promise<Finding> {
  if (!target.key) return skipped('cookie', 'tickets and their cookies require --key')
  const url = await streamUrlOf(target, client)
  if (!url.searchParams.has('ticket')) return skipped('cookie', 'the hub issues no tickets')
  const first = await target.send(url, { headers: { 'User-Agent': 'hono-sse doctor' } })
  await first.body?.cancel()
  const [cookie] = first.headers.getSetCookie()
  if (!cookie) return fault('cookie', 'the stream of a ticket sets no cookie', 'cookie')
  const [pair = '', ...attributes] = cookie.split(/\s*;\s*/)
  const path = attributes.find((text) => /^path=/i.test(text))?.slice(5)
  if (path && !url.pathname.startsWith(path)) {
    return fault('cookie', `the cookie is for ${path}, not for ${url.pathname}`, 'cookie')
  }
  // Without the cookie, the hub accepts a ticket again only from the same program.
  const headers = { 'User-Agent': 'hono-sse doctor again', Cookie: pair }
  const again = await target.send(url, { headers })
  await again.body?.cancel()
  if (again.status !== 200) {
    const seen = `the cookie does not reach the hub: it answers ${again.status}, so that pages can't reconnect`
    return fault('cookie', seen, 'cookie')
  }
  if (url.protocol === 'https:' && !attributes.some((text) => /^secure$/i.test(text))) {
    const seen = 'the cookie is not Secure, because the hub does not know that the page uses https'
    return warning('cookie', seen, 'forwardedProto')
  }
  return ok('cookie', 'the cookie of a ticket opens the stream again')
}

/** Sends what a page of another origin sends: a stream, and the preflight before one with a token. */
export async function checkCors(
  target: Target,
  client: string,
  origin: string | undefined,
): Promise<Finding> {
  if (origin === undefined) return skipped('cors', 'for a page of another origin, pass --origin')
  if (origin === routeUrl(target.hub, 'sse').origin) {
    return ok('cors', 'the page has the origin of the hub, which requires no CORS')
  }
  const stream = await requestStream(target, client, { Origin: origin })
  await stream.body?.cancel()
  const preflight = await target.send(routeUrl(target.hub, 'sse'), {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'authorization,last-event-id',
    },
  })
  await preflight.body?.cancel()
  const faults = [corsFault(stream, origin), corsFault(preflight, origin)]
  return faults.find(Boolean) ?? ok('cors', `a page of ${origin} may read streams`)
}

function corsFault({ headers }: Response, origin: string): Finding | undefined {
  const allowed = headers.get('Access-Control-Allow-Origin')
  if (allowed === null) return fault('cors', `a page of ${origin} may not read streams`, 'cors')
  if (allowed.includes(',')) {
    const seen = `Access-Control-Allow-Origin is sent twice, which browsers refuse: ${allowed}`
    return fault('cors', seen, 'corsTwice')
  }
  if (allowed !== origin) return fault('cors', `only ${allowed} may read streams`, 'cors')
  if (headers.get('Access-Control-Allow-Credentials') === 'true') return undefined
  return warning('cors', 'pages may not send cookies: tickets work once', 'cors')
}
