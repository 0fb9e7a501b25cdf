/** The Workers adapter with `/inspect`, which lists the timers that are set and identifies the object's lifetime. */

import type { Env } from '../../../src/adapters/cloudflare/platform.ts'

const armed = new Map<unknown, number>()

/** Replaces the platform's timers by ones that are counted. Must run before the adapter is loaded. */
function countTimers(): void {
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis
  const disarm = (timer: unknown) => void armed.delete(timer)
  Object.assign(globalThis, {
    setTimeout: (task: () => void, ms?: number) => {
      const timer = setTimeout(() => {
        disarm(timer)
        task()
      }, ms)
      armed.set(timer, ms ?? 0)
      return timer
    },
    setInterval: (task: () => void, ms?: number) => {
      const timer = setInterval(task, ms)
      armed.set(timer, ms ?? 0)
      return timer
    },
    clearTimeout: (timer: never) => {
      disarm(timer)
      clearTimeout(timer)
    },
    clearInterval: (timer: never) => {
      disarm(timer)
      clearInterval(timer)
    },
  })
}

countTimers()
const { Hub: HubObject, default: worker } = await import(
  '../../../src/adapters/cloudflare/index.ts'
)

interface AlarmStorage {
  getAlarm(): Promise<number | null>
}

/** The state of an object. */
export interface Inspection {
  /** Identifies this lifetime of the object in memory. */
  readonly lifetime: string
  /** Periods of the timers that are set, in milliseconds. */
  readonly timers: readonly number[]
  /** When the alarm is due, in milliseconds since 1970. */
  readonly alarm: number | null
}

/** wrangler.toml names the class. */
export class Hub extends HubObject {
  readonly #lifetime = crypto.randomUUID()

  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== '/inspect') return await super.fetch(request)
    const timers = [...armed.values()]
    const alarm = await (this.ctx.storage as unknown as AlarmStorage).getAlarm()
    return Response.json({ lifetime: this.#lifetime, timers, alarm } satisfies Inspection)
  }
}

export default {
  /** Inspects the object without the router, which would wait for it with a timer of its own. */
  async fetch(request: Request, env: Env): Promise<Response> {
    if (new URL(request.url).pathname !== '/inspect') return await worker.fetch(request, env)
    return await env.HUB.get(env.HUB.idFromName('hub')).fetch(request)
  },
}
