/** Splits event ids into their parts, which clients must not do. */

/** The epoch in an event id. */
export function epochOf(id: string): string {
  return id.slice(0, Math.max(0, id.lastIndexOf('-')))
}

/** The sequence number in an event id, also in that of a stream that has not received all that is retained. */
export function sequenceOf(id: string): number {
  return Number.parseFloat(id.slice(id.lastIndexOf('-') + 1))
}
