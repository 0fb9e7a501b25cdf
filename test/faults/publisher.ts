/** A publisher that hangs up as planned, and records which of its events were acknowledged. */
import { type Agent, request } from 'node:http'
import type { Published } from './oracle.ts'
import type { PublishPlan } from './plan.ts'

/** What a publisher needs to know. */
export interface PublishTarget {
  readonly agent: Agent
  /** Returns the URL of a running instance, if there is one. */
  url(): string | undefined
  /** Receives each event that was sent. */
  record(published: Published): void
  /** Receives each response that is neither 200 nor 503. */
  reportRefusal(text: string): void
}

/** The longest wait for a response, in milliseconds. */
const PATIENCE_MS = 4_000

/** 16 bytes, with characters of two and four bytes and a line break: cuts go through the middle of them. */
const FILLER = '¿dónde?\n🦀 '

let counter = 0

/** Sends one event; resolves whether it was acknowledged, once that is known. */
export async function publishOne(
  { address, bytes, ephemeral, end }: PublishPlan,
  { agent, url, record, reportRefusal }: PublishTarget,
): Promise<boolean> {
  const to = url()
  if (!to) return false
  counter += 1
  const data = `event ${counter} to ${address} ${FILLER.repeat(bytes / 16)}`
  const body = Buffer.from(JSON.stringify({ data, ephemeral }))
  const startedAt = performance.now()
  const response = await new Promise<{ status: number; text: string } | undefined>((resolve) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.byteLength }
    const clientRequest = request(to + pathOf(address), { method: 'POST', agent, headers })
    const timer = setTimeout(() => clientRequest.destroy(), PATIENCE_MS)
    clientRequest.on('close', () => {
      clearTimeout(timer)
      resolve(undefined)
    })
    clientRequest.on('error', () => resolve(undefined))
    clientRequest.on('response', (response) => {
      const { statusCode: status = 0 } = response
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () => resolve({ status, text }))
    })
    if (end === 'answer') clientRequest.end(body)
    else {
      const half = body.subarray(0, end === 'half' ? body.byteLength / 2 : undefined)
      clientRequest.write(half, () => clientRequest.destroy())
    }
  })
  const stored = response?.status === 200
  if (response && !stored && response.status !== 503) {
    reportRefusal(
      `publishing to ${address}: status ${response.status} ${response.text.slice(0, 200)}`,
    )
  }
  const { id, ids = [] } = stored
    ? (JSON.parse(response.text) as { id?: string; ids?: string[] })
    : {}
  record({
    data: end === 'half' ? `half of ${data}` : data,
    address,
    ephemeral,
    startedAt,
    acknowledgedAt: stored ? performance.now() : undefined,
    ids: id === undefined ? ids : [id],
  })
  return stored
}

function pathOf(address: string): string {
  const [kind, name = ''] = address.split(':')
  if (kind === 'client') return `/clients/${encodeURIComponent(name)}`
  return kind === 'topic' ? `/topics/${encodeURIComponent(name)}` : '/broadcast'
}
