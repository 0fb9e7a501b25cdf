/** The Workers adapter; `/fence?shard=&count=` fences an object, as the first does when the number of shards changes. */
import worker, { Hub } from '../../../src/adapters/cloudflare/index.ts'
import type { Env } from '../../../src/adapters/cloudflare/platform.ts'

/** wrangler.toml names the class. */
export { Hub }

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== '/fence') return await worker.fetch(request, env)
    const id = env.HUB.idFromName(`hub-${searchParams.get('shard')}`)
    await env.HUB.get(id).fence(Number(searchParams.get('count')))
    return new Response(null, { status: 204 })
  },
}
