/** The Workers adapter; a newer version, with another format of the journal, has written to its objects. */
import worker, { Hub as HubObject } from '../../../src/adapters/cloudflare/index.ts'
import type { Env, ObjectState } from '../../../src/adapters/cloudflare/platform.ts'

/** wrangler.toml names the class. */
export class Hub extends HubObject {
  constructor(ctx: ObjectState, env: Env) {
    ctx.storage.sql.exec('UPDATE format SET number = 4')
    super(ctx, env)
  }
}

export default worker
