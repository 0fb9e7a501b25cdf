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
import { createFarm, OPENERS, type Runtime } from './runtime.ts'
import { stalling } from './stalling.ts'

/** Holds a runtime, with each way to open a stream, to the behaviour of the hub. */
export function hubBehaviour(runtime: Runtime): void {
  for (const opener of OPENERS) withOpener(runtime, opener)
}

function withOpener(runtime: Runtime, STREAM: string): void {
  describe.concurrent(`the hub on ${runtime.name}, with ${STREAM} streams`, () => {
    const farm = createFarm({ ...runtime, environment: { ...runtime.environment, STREAM } })
    browsing(farm)
    opening(farm)
    publishing(farm)
    resuming(farm)
    refusing(farm)
    describing(farm)
    leaving(farm)
    observing(farm)
    stalling(farm)
    draining(farm)
  })
}
