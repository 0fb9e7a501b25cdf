/** Runs the behaviour suite on Bun, whose own timer must not cut quiet streams. */
import { expect, test } from 'vitest'
import { connectionsOf, listen, publish } from '../../support/client.ts'
import { hasData, named } from '../../support/events.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { hubBehaviour } from './behaviour.ts'
import { createRuntimePool, type Runtime } from './runtime.ts'

const bun: Runtime = {
  name: 'Bun',
  command: COMMANDS.bun,
  leaving: 'at once',
  stalledSocket: 'cut',
  // With one reader it uses 120 to 270 MiB, after 0.1 GB or 1.6 GB alike: garbage, not a leak.
  memory: 'hidden by garbage',
  badEnvironment: 'exits with 2',
  signals: 'drain',
}

const pool = createRuntimePool(bun)

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
}, 60_000)

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

hubBehaviour(bun)
