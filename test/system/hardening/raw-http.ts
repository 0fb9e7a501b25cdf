/** Sends bytes that no HTTP client would, and shows every byte that comes back. */
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'

/** One or more responses, as raw text. */
export interface RawResponse {
  readonly text: string
  /** The status of the first response; undefined if there was none. */
  readonly status: number | undefined
  /** The number of responses. */
  readonly count: number
  /** Whether the server closed the connection in time. */
  readonly closed: boolean
}

const TIMEOUT_MS = 30_000

/** Opens a socket to a server. */
export async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', () => resolve())
  })
  return socket
}

/** Sends lines with CRLF between them and reads until the server closes, or until time is up. */
export async function exchange(
  url: string,
  lines: readonly string[],
  timeoutMs: number = TIMEOUT_MS,
): Promise<RawResponse> {
  const socket = await open(url)
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket.write(lines.join('\r\n'), 'latin1')
  const closed = await isClosed(socket, timeoutMs)
  socket.destroy()
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, digits]) => Number(digits))
  return { text, status: statuses[0], count: statuses.length, closed }
}

/** Resolves with true when the server has closed the socket, with false when time is up. */
export function isClosed(socket: Socket, timeoutMs: number): Promise<boolean> {
  if (socket.closed || socket.destroyed) return Promise.resolve(true)
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

/** The lines of a request without a body, after which the server is to close. */
export function request(target: string, ...headers: string[]): string[] {
  return [`${target} HTTP/1.1`, ...headers, 'Connection: close', '', '']
}

/** The host of a server, as its Host header. */
export function hostOf(url: string): string {
  return `Host: ${new URL(url).host}`
}

/** Expects the server to answer as usual, with no client connected. */
export async function expectHealthy(url: string, key?: string): Promise<void> {
  const health = await fetch(`${url}/healthz`)
  expect(await health.text()).toBe('ok')
  expect(await connectedTo(url, key)).toBe(0)
}

/** How many clients are connected. */
export async function connectedTo(url: string, key?: string): Promise<number> {
  const headers: Record<string, string> = key ? { Authorization: `Bearer ${key}` } : {}
  const response = await fetch(`${url}/clients`, { headers })
  const { total } = (await response.json()) as { total: number }
  return total
}

/** Expects a problem whose detail says what to do. */
export async function expectProblem(response: Response, ...statuses: number[]): Promise<string> {
  expect(statuses).toContain(response.status)
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  const text = await response.text()
  expect(JSON.parse(text).detail).toMatch(/\w/)
  return text
}
