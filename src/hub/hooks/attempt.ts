/** Calls of the journal from timers and loops over connections: an error ends the call and nothing else. */
import type { IsolatedHooks } from './hooks.ts'

/** Returns the result of a call, or undefined if it throws. The hook `onError` receives the error. */
export function attempt<T>(hooks: Pick<IsolatedHooks, 'onError'>, call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    hooks.onError(error, 'journal')
    return undefined
  }
}
