/** The Cloudflare Workers door: a Durable Object holds the hub, because isolates share no memory. */
import { portableStream } from './http/stream.ts'
import { compose, type Service } from './server/compose.ts'
import { readConfig } from './server/config.ts'
import { openLog } from './server/log.ts'
import { stanceOf } from './server/rights.ts'
import { readableStream } from './streams/readable.ts'

/** The part of a Durable Object namespace that this door uses. */
interface Namespace {
  idFromName(name: string): object
  get(id: object): { fetch(request: Request): Promise<Response> }
}

interface Env {
  readonly HUB: Namespace
  readonly [variable: string]: unknown
}

/** The object that holds the hub. A class, because the platform demands one. */
export class Hub {
  readonly #service: Service

  /** @throws {ConfigError} */
  constructor(_state: object, env: Env) {
    const config = readConfig(env)
    const stance = stanceOf(config, 'world')
    this.#service = compose(config, stance, openLog(config.LOG_LEVEL), {
      // Workers has no way to drop one client's socket: the platform does, in its own time.
      native: readableStream(),
      portable: portableStream(),
      // Set by Cloudflare, whatever the client sends.
      peerOf: (c) => c.req.header('CF-Connecting-IP'),
    })
  }

  async fetch(request: Request): Promise<Response> {
    const response = await this.#service.app.fetch(request)
    if (request.body && !request.bodyUsed) await skip(request.body)
    return response
  }
}

/** Bytes of a body that was refused unread: more than any event, less than would be a burden. */
const MAX_SKIPPED_BYTES = 4_194_304

/** Reads a body to its end: workerd cuts the connection of a request that is answered before. */
async function skip(body: ReadableStream<Uint8Array>): Promise<void> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > MAX_SKIPPED_BYTES) return
  }
}

export default {
  fetch(request: Request, { HUB }: Env): Promise<Response> {
    return HUB.get(HUB.idFromName('hub')).fetch(request)
  },
}
