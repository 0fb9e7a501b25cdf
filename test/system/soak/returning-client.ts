/** A client that disconnects and reconnects: it records every id, and resumes with the last one. */
import { type ClientRequest, get } from 'node:http'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { sequenceOf } from '../../support/event-id.ts'

/** One client of the soak. */
export interface ReturningClient {
  readonly client: string
  readonly topic: string
  /** The sequence at which its first stream opened, or undefined if it never did. */
  readonly since: number | undefined
  /** The sequences of the published events that it received, in order of arrival. */
  readonly received: readonly number[]
  /** Gaps that it received, and responses other than 200. */
  readonly problems: readonly string[]
  readonly isConnected: boolean
  connect(): void
  leave(): void
}

/** Creates a client that is not connected yet. */
export function createReturningClient(url: string, client: string, topic: string): ReturningClient {
  const received: number[] = []
  const problems: string[] = []
  let since: number | undefined
  let cursor: string | undefined
  let request: ClientRequest | undefined

  return {
    client,
    topic,
    received,
    problems,
    get since() {
      return since
    },
    get isConnected() {
      return request !== undefined
    },
    connect,
    leave,
  }

  function connect(): void {
    if (request) return
    const headers = cursor === undefined ? {} : { 'Last-Event-ID': cursor }
    const opened = get(`${url}/sse?id=${client}&topic=${topic}`, { headers, agent: false })
    request = opened
    const parser = createParser({ onEvent: (event) => receive(opened, event) })
    opened.on('response', (response) => {
      if (response.statusCode !== 200) problems.push(`status ${response.statusCode}`)
      response.setEncoding('utf8').on('data', (text: string) => parser.feed(text))
      response.on('error', () => {})
    })
    opened.on('error', () => {})
    opened.on('close', () => {
      if (request === opened) request = undefined
    })
  }

  function leave(): void {
    request?.destroy()
    request = undefined
  }

  function receive(opened: ClientRequest, { id, event, data }: EventSourceMessage): void {
    // Data still buffered on a stream that was left is ignored.
    if (request !== opened) return
    if (event === 'hub:gap') problems.push(data)
    if (id === undefined) return
    cursor = id
    since ??= sequenceOf(id)
    if (event === undefined) received.push(sequenceOf(id))
  }
}
