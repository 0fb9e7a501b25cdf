/** A receiver of webhooks on this machine, which checks their signatures with the package of the specification. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

/** A secret of 32 bytes. */
export const WEBHOOK_SECRET: string = `whsec_${btoa('a-secret-of-the-tests-0123456789')}`

/** A webhook that arrived with a valid signature. */
export interface ReceivedWebhook {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  /** Who it is about; empty for a batch. */
  readonly client: string
  /** What a batch carries: `alice online`. */
  readonly batch?: readonly string[]
}

/** A receiver of webhooks. */
export interface WebhookReceiver {
  readonly url: string
  /** In the order in which they arrived, also those that were refused. */
  readonly received: readonly ReceivedWebhook[]
  /** `alice online`, in the order in which they arrived, also in batches. */
  readonly events: readonly string[]
  /** Requests whose signature is not valid. */
  readonly forged: number
  /** Answers each request. @defaultValue with 204 */
  answer: (response: ServerResponse, webhook: ReceivedWebhook) => void
  close(): Promise<void>
}

/** Starts a receiver. @param freePort - by default, any */
export async function startWebhookReceiver(
  secret = WEBHOOK_SECRET,
  freePort = 0,
): Promise<WebhookReceiver> {
  const webhook = new Webhook(secret)
  const received: ReceivedWebhook[] = []
  let forged = 0
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(freePort, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${port}/webhooks?token=in-the-url`,
    received,
    get events() {
      return received.flatMap((one) => one.batch ?? nameOf(one.type, one.client))
    },
    get forged() {
      return forged
    },
    answer: (response) => void response.writeHead(204).end(),
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return receiver

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    try {
      const headers = request.headers as Record<string, string>
      const { type, timestamp, data } = webhook.verify(body, headers) as {
        type: string
        timestamp: string
        data: WebhookData
      }
      const id = headers['webhook-id'] ?? ''
      const batch = data.events?.map((event) => nameOf(event.type, event.data.client))
      const one = { id, type, timestamp, client: data.client ?? '', ...(batch && { batch }) }
      received.push(one)
      receiver.answer(response, one)
    } catch {
      forged += 1
      response.writeHead(401).end()
    }
  }
}

interface WebhookData {
  readonly client?: string
  readonly events?: readonly { readonly type: string; readonly data: { readonly client: string } }[]
}

function nameOf(type: string, client: string): string {
  return `${client} ${type.replace('client.', '')}`
}
