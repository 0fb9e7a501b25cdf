/** The hub that the doctor examines: opens its streams and publishes to it, with the credential that was given. */
import { readBody } from '../../core/read-body.ts'
import type { CliError } from '../exit.ts'
import { type Credentials, credentialOf } from '../publish.ts'
import { bearer, errorOf, fieldsOf, routeUrl } from '../remote.ts'
import { DOCTOR_EVENT } from './stream-probe.ts'
import type { Send } from './wire.ts'

/** A hub, and how it is reached. */
export interface Target extends Credentials {
  readonly hub: string
  readonly send: Send
  /** Milliseconds that a response or an event may take. */
  readonly timeoutMs: number
}

/** What a browser accepts: a proxy that compresses does so for it. */
export const ENCODINGS: Readonly<Record<string, string>> = {
  'Accept-Encoding': 'gzip, deflate, br, zstd',
}

const ACCEPT = { Accept: 'text/event-stream' }

/** Opens a stream. With a key, it requests a ticket first. @throws {CliError} if no ticket is issued */
export async function requestStream(
  target: Target,
  client: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const url = await streamUrlOf(target, client)
  return await target.send(url, { headers: { ...ACCEPT, ...bearer(target.token), ...headers } })
}

/** Returns the URL of a stream, with a new ticket if there is a key. @throws {CliError} */
export async function streamUrlOf(target: Target, client: string): Promise<URL> {
  const url = routeUrl(target.hub, 'sse')
  // A token names its client, and may permit no other.
  if (!target.token) url.searchParams.set('id', client)
  const ticket = await ticketFor(target, client)
  if (ticket) url.searchParams.set('ticket', ticket)
  return url
}

/** Requests a ticket; undefined without a key, or if the hub issues none. @throws {CliError} */
export async function ticketFor(target: Target, client: string): Promise<string | undefined> {
  if (!target.key || target.token) return undefined
  const response = await post(target, ['tickets'], { client })
  if (response.status === 404) return undefined
  checkReceived(target, response)
  if (response.status !== 200) throw await errorOf(response)
  const { ticket } = await jsonOf(response)
  return typeof ticket === 'string' ? ticket : undefined
}

/** What is published to the stream of the doctor. */
export interface DoctorEvent {
  readonly data: string
  /** @defaultValue false */
  readonly ephemeral?: boolean
}

/** Publishes an event to a client; returns the response of any status. */
export function publishTo(target: Target, client: string, event: DoctorEvent): Promise<Response> {
  return post(target, ['clients', client], { event: DOCTOR_EVENT, ...event })
}

/** Whether the credential may not do this. */
export function isForbidden({ status }: Response | CliError): boolean {
  return status === 401 || status === 403
}

/** A credential was sent, but the hub has received none. */
export class CredentialLost extends Error {
  override readonly name = 'CredentialLost'
}

/** Throws if a hub asks for a credential, although one was sent. https://www.rfc-editor.org/rfc/rfc6750#section-3.1 @throws {CredentialLost} */
export function checkReceived(target: Target, { status, headers }: Response): void {
  const challenge = headers.get('WWW-Authenticate') ?? ''
  const isSent = credentialOf(target) !== undefined
  // Of a credential that it rejects, the hub says so.
  if (status !== 401 || !isSent || !/^Bearer\b(?!.*\berror=)/i.test(challenge)) return
  throw new CredentialLost('the header Authorization does not reach the hub')
}

const MAX_BYTES = 65_536

/** Returns the fields of a response; none if it is not JSON. */
export async function jsonOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  return fieldsOf(new TextDecoder().decode(await readBody(response, MAX_BYTES)))
}

function post(target: Target, path: readonly string[], body: unknown): Promise<Response> {
  const { hub, send } = target
  const headers = { 'Content-Type': 'application/json', ...bearer(credentialOf(target)) }
  return send(routeUrl(hub, ...path), { method: 'POST', headers, body: JSON.stringify(body) })
}
