/** Writes of a journal to its storage, whose errors mean that the event is not stored. */
import { HubError } from '../../core/errors.ts'

/** Runs a write. @throws {HubError} `journal-unavailable` if the storage throws */
export function write<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof HubError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError(
      'journal-unavailable',
      `The journal can’t store events (${reason}). Try again.`,
    )
  }
}
