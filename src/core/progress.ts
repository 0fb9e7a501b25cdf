/** Progress: for how long a transport has taken none of the bytes that it holds. */

/** The progress of one stream, as seen by looking at it from time to time. */
export class Progress {
  #takenBytes = 0
  #unsentBytes = 0
  #movedAt = 0

  /**
   * Returns for how many milliseconds no byte was taken although some wait.
   * @param sentBytes - all bytes written so far, of which `unsentBytes` were not taken yet
   * @param now - the time of a clock that stands still while the process does
   */
  stalledMs(sentBytes: number, unsentBytes: number, now: number): number {
    const takenBytes = sentBytes - unsentBytes
    const isIdle = unsentBytes === 0 || this.#unsentBytes === 0
    if (isIdle || takenBytes !== this.#takenBytes) this.#movedAt = now
    this.#takenBytes = takenBytes
    this.#unsentBytes = unsentBytes
    return now - this.#movedAt
  }
}
