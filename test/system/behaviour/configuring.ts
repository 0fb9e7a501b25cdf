/** Configuring: a server does not run with an environment that is invalid. */
import { expect, test } from 'vitest'
import { until } from '../../support/eventually.ts'
import type { RuntimePool } from './runtime.ts'

/** How a runtime handles its environment variables. */
export function configuring(pool: RuntimePool): void {
  test('an invalid environment is refused, with every problem in one message', async () => {
    const bad = { CLOCK_SECONDS: 'often', JOURNAL_EVENTS: '-1', LOG_LEVEL: 'loud' }
    if (pool.runtime.badEnvironment === 'answers 500') {
      const { url } = await pool.start(bad)
      await until('a request fails', async () => (await fetch(`${url}/healthz`)).status === 500)
      return
    }
    const failed = pool.launch(bad)
    expect(await failed.exit).toBe(2)
    for (const name of Object.keys(bad)) expect(failed.stderr).toContain(name)
    expect(failed.stderr).not.toMatch(/^\s+at /m)
  })
}
