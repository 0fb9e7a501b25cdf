/** One suite for every runtime: what the hub promises, seen through real sockets. */
import { describe } from 'vitest'
import { browsing } from './browsing.ts'
import { describing } from './describing.ts'
import { draining } from './draining.ts'
import { leaving } from './leaving.ts'
import { observing } from './observing.ts'
import { opening } from './opening.ts'
import { publishing } from './publishing.ts'
import { refusing } from './refusing.ts'
import { resuming } from './resuming.ts'
import { createRuntimePool, OPENERS, type Runtime } from './runtime.ts'
import { stalling } from './stalling.ts'

/** Holds a runtime, with each way to open a stream, to the behaviour of the hub. */
export function hubBehaviour(runtime: Runtime): void {
  for (const opener of OPENERS) withOpener(runtime, opener)
}

function withOpener(runtime: Runtime, STREAM: string): void {
  describe.concurrent(`the hub on ${runtime.name}, with ${STREAM} streams`, () => {
    const pool = createRuntimePool({ ...runtime, environment: { ...runtime.environment, STREAM } })
    browsing(pool)
    opening(pool)
    publishing(pool)
    resuming(pool)
    refusing(pool)
    describing(pool)
    leaving(pool)
    observing(pool)
    stalling(pool)
    draining(pool)
  })
}
