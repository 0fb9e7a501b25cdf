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

/** The part of a Durable Object's state that this door uses. */
interface State {
  waitUntil(promise: Promise<unknown>): void
}

interface Env {
  readonly HUB: Namespace
  readonly [variable: string]: unknown
}

/** The object that holds the hub. A class, because the platform demands one. */
export class Hub {
  readonly #state: State
  readonly #service: Service

  /** @throws {ConfigError} */
  constructor(state: State, env: Env) {
    this.#state = state
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
    if (request.body && !request.bodyUsed) await this.#skip(request.body)
    return response
  }

  /** workerd cuts the connection of a request that is answered with its body unread: it gets a moment. */
  async #skip(body: ReadableStream<Uint8Array>): Promise<void> {
    const skipped = skip(body)
    this.#state.waitUntil(skipped)
    await Promise.race([skipped, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))])
  }
}

/** What is read of a body that was refused: more than any event, less than would be a burden. */
const MAX_SKIPPED_BYTES = 4_194_304
const MAX_SKIPPED_MS = 5_000

/** Milliseconds that an answer waits for the rest of a body which nobody wants. */
const PATIENCE_MS = 500

/** Reads a body to its end, or until it is too long or too slow. */
async function skip(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader()
  const timer = setTimeout(() => void reader.cancel(), MAX_SKIPPED_MS)
  for (let bytes = 0; bytes < MAX_SKIPPED_BYTES; ) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
  }
  clearTimeout(timer)
}

export default {
  fetch(request: Request, { HUB }: Env): Promise<Response> {
    return HUB.get(HUB.idFromName('hub')).fetch(request)
  },
}
