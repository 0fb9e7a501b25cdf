/** A Worker of one's own, and an object of a version that does not know its calls. */
// @ts-expect-error Only workerd has this module; platform.ts has its types.
import { DurableObject } from 'cloudflare:workers'
import type { DurableObjectBase, Env } from '../../../src/adapters/cloudflare/platform.ts'
import { hubOf } from '../../../src/worker.ts'

const Base: typeof DurableObjectBase = DurableObject

/** wrangler.toml names the class. */
export class Hub extends Base {
  fetch(): Response {
    return new Response('It was not to be asked.')
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const hub = hubOf(env)
    if (request.method === 'GET') return await hub.open(request, { client: 'alice' })
    const calling =
      request.method === 'PUT'
        ? hub.pipe('everyone', ['data: 1\n\n'])
        : hub.publish('everyone', { data: 1 })
    const { name, code, message } = await calling.catch((error) => error)
    return Response.json({ name, code, message })
  },
}
