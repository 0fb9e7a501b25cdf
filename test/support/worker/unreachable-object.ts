/** The Workers adapter; its third object is unreachable until `/reachable` is requested. */
import worker, { Hub as HubObject } from '../../../src/adapters/cloudflare/index.ts'
import type { Env } from '../../../src/adapters/cloudflare/platform.ts'

let reachable = false

/** wrangler.toml names the class. */
export class Hub extends HubObject {
  override async fetch(request: Request): Promise<Response> {
    this.#checkReachable()
    return await super.fetch(request)
  }

  override async fence(count: number): Promise<void> {
    this.#checkReachable()
    await super.fence(count)
  }

  #checkReachable(): void {
    const isThird = `${this.env.HUB.idFromName('hub-2')}` === `${this.ctx.id}`
    if (isThird && !reachable) throw new Error('It is unreachable.')
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (new URL(request.url).pathname !== '/reachable') return await worker.fetch(request, env)
    reachable = true
    return new Response(null, { status: 204 })
  },
}
