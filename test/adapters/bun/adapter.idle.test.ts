/** Bun's own idle timer must cut neither quiet streams nor busy publishers. */
import { expect, test } from 'vitest'
import { connectionsOf, listen, publish } from '../../support/client.ts'
import { hasData, named } from '../../support/events.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { createServerPool } from '../../support/server-pool.ts'

const pool = createServerPool(COMMANDS.bun, () => ({ CLOCK_SECONDS: '0' }))

/** A publisher’s pause between two requests: with longer ones Bun keeps its connections anyway. */
const PAUSE_MS = 5

// By default Bun closes a quiet stream after 10 seconds.
test.concurrent('a stream that is quiet for more than 20 seconds is not cut', async () => {
  const { url } = await pool.start({ HEARTBEAT_SECONDS: '20' })
  const listener = await listen(url, 'id=patient')
  expect((await listener.next(named('hub:beat'), 30_000)).data).toBe('20')
  await publish(url, '/clients/patient', 'still here')
  await listener.next(hasData('still here'))
  expect(await connectionsOf(url, 'patient')).toHaveLength(1)
  await listener.close()
})

// As a publisher does: request after request on one connection, well beyond the idle time.
test.concurrent('a connection that is kept alive and busy is never cut', async () => {
  const { url } = await pool.start({ HEARTBEAT_SECONDS: '1' })
  const deadline = Date.now() + 9_000
  const failures: string[] = []
  const publishers = [1, 2, 3, 4].map(async (n) => {
    while (Date.now() < deadline) {
      await publish(url, `/clients/busy-${n}`, 'on and on').catch((error: Error) =>
        failures.push(String(error.cause ?? error)),
      )
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  })
  await Promise.all(publishers)
  expect(failures).toEqual([])
})
