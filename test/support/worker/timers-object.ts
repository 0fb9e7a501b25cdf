/** The Workers door with an eye on it: which timers are armed, and which life of its object this is. */

const armed = new Map<unknown, number>()

/** Takes the place of the platform's own, which it calls: set before the door is loaded. */
function watch(): void {
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

watch()
const { Hub: Door, default: worker } = await import('../../../src/adapters/cloudflare/index.ts')

interface State {
  readonly storage: { getAlarm(): Promise<number | null> }
}

/** What a test wants to know of an object. */
export interface Look {
  /** Names this life of the object. */
  readonly life: string
  /** Periods of the timers that are armed, in milliseconds. */
  readonly timers: readonly number[]
  /** When the object is to be woken, in milliseconds since 1970. */
  readonly alarm: number | null
}

/** The name is that of the class in wrangler.toml. */
export class Hub extends Door {
  readonly #life = crypto.randomUUID()
  readonly #state: State

  constructor(...init: ConstructorParameters<typeof Door>) {
    super(...init)
    this.#state = init[0] as unknown as State
  }

  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== '/look') return await super.fetch(request)
    const timers = [...armed.values()]
    const look: Look = { life: this.#life, timers, alarm: await this.#state.storage.getAlarm() }
    return Response.json(look)
  }
}

export default worker
