/** The storage of a Durable Object, typed by hand: the library does not need the types of Workers. */

/** The part of a Durable Object's storage that the journal uses. */
export interface ObjectStorage {
  readonly sql: {
    exec(query: string, ...values: readonly (string | number | Uint8Array)[]): Iterable<unknown>
  }
  /** Runs `work` in a transaction, which is rolled back if it throws. */
  transactionSync<T>(work: () => T): T
  /** Sets the object's alarm, in milliseconds since 1970. It replaces an earlier one. */
  setAlarm(at: number): Promise<void>
}
