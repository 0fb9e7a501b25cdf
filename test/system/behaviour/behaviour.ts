/** One suite for every runtime: what the hub promises, seen through real sockets. */
import { describe } from 'vitest'
import { batching } from './batching.ts'
import { browsing } from './browsing.ts'
import { configuring } from './configuring.ts'
import { describing } from './describing.ts'
import { draining } from './draining.ts'
import { leaving } from './leaving.ts'
import { observing } from './observing.ts'
import { opening } from './opening.ts'
import { piping } from './piping.ts'
import { publishing } from './publishing.ts'
import { refusing } from './refusing.ts'
import { resuming } from './resuming.ts'
import { createRuntimePool, OPENERS, type Opener, type Runtime } from './runtime.ts'
import { stalling } from './stalling.ts'

/** Checks the hub's behaviour on a runtime, with each way to open a stream. */
export function hubBehaviour(runtime: Runtime, openers: readonly Opener[] = OPENERS): void {
  for (const opener of openers) withOpener(runtime, opener)
}

function withOpener(runtime: Runtime, STREAM: Opener): void {
  describe.concurrent(`the hub on ${runtime.name}, with ${STREAM} streams`, () => {
    const pool = createRuntimePool({ ...runtime, environment: { ...runtime.environment, STREAM } })
    opening(pool)
    publishing(pool)
    resuming(pool)
    refusing(pool)
    leaving(pool)
    observing(pool)
    stalling(pool)
    draining(pool)
    if (STREAM !== 'native') return
    // Behaviour that does not depend on streams is tested once.
    batching(pool)
    browsing(pool)
    configuring(pool)
    describing(pool)
    piping(pool)
  })
}
