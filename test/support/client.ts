/** Listens and publishes as an outside client does: over HTTP, with no code from src/. */
import { expect } from 'vitest'
import { until } from './eventually.ts'
import { type Reader, readEvents } from './reader.ts'

/** An open stream, whose `hub:ready` has been read. */
export interface Listener extends Reader {
  readonly response: Response
  readonly ready: { client: string; connection: string; topics: string[]; resume: string }
  /** The id of `hub:ready`, when it had one. */
  readonly head: string | undefined
}

/** The response to a publish request. */
export interface PublishResult {
  readonly id?: string
  readonly connections: number
}

/** Sends a request that succeeds, and returns the JSON of its response. */
export async function requestJson<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, init)
  expect(response.status).toBe(200)
  return (await response.json()) as T
}

/** Opens `/sse?query`, and waits for `hub:ready`. */
export async function listen(url: string, query: string, lastEventId?: string): Promise<Listener> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' }
  if (lastEventId !== undefined) headers['Last-Event-ID'] = lastEventId
  const response = await fetch(`${url}/sse?${query}`, { headers })
  expect(response.status).toBe(200)
  const reader = readEvents(response)
  const first = await reader.next()
  expect(first.event).toBe('hub:ready')
  return Object.assign(reader, { response, ready: JSON.parse(first.data), head: first.id })
}

/**
 * Resolves once every process of a server has received what the others sent it before. `/metrics` asks all of them, and
 * messages between two processes arrive in order.
 */
export async function allProcesses(url: string, key?: string): Promise<void> {
  const headers = key === undefined ? undefined : { Authorization: `Bearer ${key}` }
  const response = await fetch(`${url}/metrics`, headers && { headers })
  expect(response.status).toBe(200)
  await response.text()
}

/** Publishes text, and returns the result. */
export function publish(url: string, path: string, data: string): Promise<PublishResult> {
  return requestJson(url + path, textBody(data))
}

/** A request that publishes text. */
export function textBody(data: string): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: data }
}

/** Publishes a JSON body, whatever the response. */
export function postJson(url: string, path: string, body: unknown): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** A connection, as the server lists it. */
export interface Row {
  readonly connection: string
  readonly queuedBytes: number
  readonly requestId: string
}

/** The connections of a client, as the server lists them. */
export async function connectionsOf(url: string, client: string): Promise<readonly Row[]> {
  const response = await fetch(`${url}/clients/${client}`)
  expect(response.status).toBe(200)
  const { connections } = (await response.json()) as { connections: readonly Row[] }
  return connections
}

/** Waits until the server lists a client with this number of connections. */
export function untilConnections(
  url: string,
  client: string,
  expected: number,
  timeoutMs?: number,
): Promise<void> {
  const what = `${client} has ${expected} connections`
  const isReached = async () => (await connectionsOf(url, client)).length === expected
  return until(what, isReached, timeoutMs)
}
