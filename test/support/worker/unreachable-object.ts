/** The Workers door, whose third object can't be reached before `/reachable` is asked for. */
import door, { Hub as Door } from '../../../src/adapters/cloudflare/index.ts'

type State = ConstructorParameters<typeof Door>[0]
type Env = ConstructorParameters<typeof Door>[1]

let reachable = false

/** The name is that of the class in wrangler.toml. */
export class Hub extends Door {
  readonly #isThird: boolean

  constructor(state: State, env: Env) {
    super(state, env)
    this.#isThird = `${env.HUB.idFromName('hub-2')}` === `${state.id}`
  }

  override async fetch(request: Request): Promise<Response> {
    if (this.#isThird && !reachable) throw new Error('It is away.')
    return await super.fetch(request)
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (new URL(request.url).pathname !== '/reachable') return await door.fetch(request, env)
    reachable = true
    return new Response(null, { status: 204 })
  },
}
