/** The error of a journal that can't be used now. */
import { HubError } from '../core/errors.ts'

/** Creates the error of a journal that can't do, or can't confirm, what was requested. @param what - the predicate of the message */
export function unavailable(what: string): HubError {
  const message = `The journal ${what}: the request may not have taken effect. Try again.`
  return new HubError('journal-unavailable', message)
}
