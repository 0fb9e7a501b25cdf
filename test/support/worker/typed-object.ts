/** A Worker of one's own, and an object whose hub declares its events. */
import { z } from 'zod'
import { Hub as HubObject } from '../../../src/adapters/cloudflare/index.ts'
import type { Env } from '../../../src/adapters/cloudflare/platform.ts'
import { createRemoteCalls } from '../../../src/adapters/cloudflare/remote-calls.ts'
import type { Address } from '../../../src/core/address.ts'
import { systemClock } from '../../../src/core/clock.ts'
import type { EventInput } from '../../../src/core/event.ts'
import type { PublishResult } from '../../../src/hub/delivery.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { hubOf } from '../../../src/worker.ts'

/** wrangler.toml names the class. */
export class Hub extends HubObject {
  readonly #calls = createRemoteCalls({
    hub: createHub({ events: { inbox: z.object({ unread: z.number() }) } }),
    ensureReady: async () => {},
    clock: systemClock,
  })

  override async publish(address: Address, event: EventInput): Promise<PublishResult> {
    return await this.#calls.publish(address, event)
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const result = await hubOf(env)
      .publish('everyone', (await request.json()) as EventInput)
      .catch(({ code, message, issues }) => ({ code, message, issues }))
    return Response.json(result)
  },
}
