/** A minimal HTTP client: the tests share two cores with the servers they test. */
import { Agent, type IncomingMessage, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 32 })

/** A response whose body has been read. */
export interface TextResponse {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: string
}

/** Posts text; undefined when there is no response. */
export function post(url: string, data: string): Promise<TextResponse | undefined> {
  return new Promise((resolve) => {
    const headers = { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(data) }
    const clientRequest = request(url, { method: 'POST', agent, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () => {
        const retryAfter = response.headers['retry-after']
        resolve({ status: response.statusCode ?? 0, retryAfter, body })
      })
    })
    clientRequest.on('error', () => resolve(undefined))
    clientRequest.end(data)
  })
}

/** Opens a stream on its own socket; resolves when it ends. The signal aborts it. */
export function openStream(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const clientRequest = request(
      url,
      { agent: false, headers, signal },
      (response: IncomingMessage) => {
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          // Data that arrives after the client left does not count.
          if (!signal.aborted) onText(text)
        })
        response.on('error', () => resolve())
        response.on('close', () => resolve())
      },
    )
    clientRequest.on('error', () => resolve())
    clientRequest.end()
  })
}
