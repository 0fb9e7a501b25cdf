/** The HTTP app around a hub, on a clock that the test advances. */
import type { Hono } from 'hono'
import { expect } from 'vitest'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import { createDashboard } from '../../src/http/dashboard.ts'
import type { Problem } from '../../src/http/problem.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { Hub } from '../../src/hub/hub-types.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { type Reader, readEvents } from './reader.ts'

/** What a test of the HTTP app works with. */
export interface AppHarness {
  readonly clock: ManualClock
  readonly hub: Hub
  readonly app: Hono
  /** Unexpected errors, which the app reported through `onError`. */
  readonly errors: unknown[]
  /** Sends a request, then lets the hub finish the work it caused. */
  request(path: string, init?: RequestInit): Promise<Response>
  /** Opens a stream and reads its `hub:ready`. */
  listen(path: string, init?: RequestInit): Promise<Reader>
  /** The number of connected clients according to `GET /clients`. */
  connected(): Promise<number>
}

/** Creates an app and its hub on a manual clock. */
export function createAppHarness(
  options: HubOptions = {},
  web: Partial<Omit<AppOptions, 'hub'>> = {},
): AppHarness {
  const clock = manualClock()
  const hub = createHub({ clock, random: () => 0.5, ...options })
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const app = createApp({ hub, access: 'anyone', onError, dashboard: createDashboard(), ...web })
  return { clock, hub, app, errors, request, listen, connected }

  async function request(path: string, init?: RequestInit): Promise<Response> {
    const response = served(await app.request(path, init))
    await clock.runPending()
    return response
  }

  async function listen(path: string, init?: RequestInit): Promise<Reader> {
    const response = await app.request(path, init)
    expect(response.status).toBe(200)
    const reader = readEvents(response)
    await clock.runPending()
    await reader.next(({ event }) => event === 'hub:ready')
    return reader
  }

  async function connected(): Promise<number> {
    const { total } = (await (await request('/clients')).json()) as { total: number }
    return total
  }
}

/** A response of which the first bytes are read at once, and the rest when the test reads it, as a server does. */
export function served(response: Response): Response {
  if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) return response
  const body = response.body?.pipeThrough(new TransformStream({ transform: forward }))
  return body ? new Response(body, response) : response
}

/** A socket sends no empty chunk. */
function forward(chunk: Uint8Array, controller: TransformStreamDefaultController): void {
  if (chunk.byteLength > 0) controller.enqueue(chunk)
}

/** A refusal with its text, which the hub holds for a second. */
export async function released(
  response: Response,
  { advance }: Pick<ManualClock, 'advance'>,
): Promise<Response> {
  const text = response.text()
  await advance(1_000)
  return new Response(await text, response)
}

/** The response to a blocked client, which the hub holds for a second. */
export async function afterHold(pending: Promise<Response>, clock: ManualClock): Promise<Response> {
  let isThere = false
  const response = pending.finally(() => {
    isThere = true
  })
  // It is held once its timer is armed, however long its credential takes to be checked.
  const { timers } = clock
  while (!isThere && clock.timers === timers) await clock.runPending()
  await clock.advance(1_000)
  return await response
}

/** A POST of bytes, with a `Content-Type` only if one is given. */
export function post(body: string | Uint8Array, type?: string): RequestInit {
  // A string would bring a Content-Type of its own.
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  return { method: 'POST', body: bytes, headers: type ? { 'Content-Type': type } : {} }
}

/** A POST of a value as JSON. */
export function json(value: unknown): RequestInit {
  return post(JSON.stringify(value), 'application/json')
}

/** A POST of plain text. */
export function text(data: string): RequestInit {
  return post(data, 'text/plain')
}

/** A POST of what `curl -d` sends. */
export function form(body: string): RequestInit {
  return post(body, 'application/x-www-form-urlencoded')
}

/** A POST whose body comes in pieces, without a declared length. */
export function streamed(body: ReadableStream, type: string): RequestInit {
  return { method: 'POST', body, duplex: 'half', headers: { 'Content-Type': type } }
}

/** The problem details of a response, which must have every field RFC 9457 requires. */
export async function problemIn(response: Response): Promise<Problem> {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  const problem = (await response.json()) as Problem
  expect(problem).toMatchObject({
    type: 'about:blank',
    title: expect.stringMatching(/^[A-Z]/),
    status: response.status,
    detail: expect.stringMatching(/./),
  })
  return problem
}

/** The data of a stream's first event. */
export function readyOf({ events: [first] }: Reader): Record<string, unknown> {
  expect(first?.event).toBe('hub:ready')
  return JSON.parse(first?.data ?? '') as Record<string, unknown>
}
