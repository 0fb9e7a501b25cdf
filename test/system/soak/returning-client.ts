/** A client that disconnects and reconnects: it records every id, and resumes with the last one. */
import { type ClientRequest, get } from 'node:http'
import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** One client of the soak. */
export interface ReturningClient {
  readonly client: string
  readonly topic: string
  /** The sequence at which its first stream opened, or undefined if it never did. */
  readonly since: number | undefined
  /** The sequences of the published events that it received, in order of arrival. */
  readonly heard: readonly number[]
  /** Gaps that it received, and responses other than 200. */
  readonly troubles: readonly string[]
  readonly here: boolean
  come(): void
  leave(): void
}

/** Creates a client that is not connected yet. */
export function createReturningClient(url: string, client: string, topic: string): ReturningClient {
  const heard: number[] = []
  const troubles: string[] = []
  let since: number | undefined
  let cursor: string | undefined
  let request: ClientRequest | undefined

  return {
    client,
    topic,
    heard,
    troubles,
    get since() {
      return since
    },
    get here() {
      return request !== undefined
    },
    come,
    leave,
  }

  function come(): void {
    if (request) return
    const headers = cursor === undefined ? {} : { 'Last-Event-ID': cursor }
    const stay = get(`${url}/sse?id=${client}&topic=${topic}`, { headers, agent: false })
    request = stay
    const parser = createParser({ onEvent: (event) => take(stay, event) })
    stay.on('response', (response) => {
      if (response.statusCode !== 200) troubles.push(`status ${response.statusCode}`)
      response.setEncoding('utf8').on('data', (text: string) => parser.feed(text))
      response.on('error', () => {})
    })
    stay.on('error', () => {})
    stay.on('close', () => {
      if (request === stay) request = undefined
    })
  }

  function leave(): void {
    request?.destroy()
    request = undefined
  }

  function take(stay: ClientRequest, { id, event, data }: EventSourceMessage): void {
    // Data still buffered on a stream that was left is ignored.
    if (request !== stay) return
    if (event === 'hub:gap') troubles.push(data)
    if (id === undefined) return
    cursor = id
    since ??= sequenceOf(id)
    if (event === undefined) heard.push(sequenceOf(id))
  }
}

/** The sequence number in an event id. */
export function sequenceOf(id: string): number {
  return Number(id.split('-')[1])
}
