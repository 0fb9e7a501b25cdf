/** Progress: how long a client’s socket has accepted none of the bytes that wait for it. */

/** The progress of one stream, sampled from time to time. */
export class Progress {
  #acceptedBytes = 0
  #unsentBytes = 0
  #movedAt = 0

  /**
   * Returns for how many milliseconds no byte was accepted while some were waiting.
   * @param writtenBytes - all bytes written so far, of which `unsentBytes` were not accepted yet
   * @param now - the time of a clock that stands still while the process does
   */
  stalledMs(writtenBytes: number, unsentBytes: number, now: number): number {
    const acceptedBytes = writtenBytes - unsentBytes
    const wasIdle = this.#unsentBytes === 0
    if (wasIdle || acceptedBytes !== this.#acceptedBytes) this.#movedAt = now
    this.#acceptedBytes = acceptedBytes
    this.#unsentBytes = unsentBytes
    return now - this.#movedAt
  }
}
