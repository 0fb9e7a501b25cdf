/** The Workers adapter; a request with `Stale-Shards` reaches it through a Worker of another deployment, with that number of shards. */
import { Hub, openRouter } from '../../../src/adapters/cloudflare/index.ts'
import type { Env } from '../../../src/adapters/cloudflare/platform.ts'

/** wrangler.toml names the class. */
export { Hub }

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const HUB_SHARDS = request.headers.get('Stale-Shards') ?? env.HUB_SHARDS
    return openRouter({ ...env, HUB_SHARDS }).fetch(request)
  },
}
