/** Ephemeral events, held for a client that is catching up until it has the stored events published before them. */

/** The ephemeral events held for one client that is catching up. */
export class Ephemerals {
  #held: { readonly frame: Uint8Array; readonly after: number }[] = []
  #bytes = 0

  /** Holds a frame published after the sequence `after`. Beyond `maxBytes`, drops the oldest. */
  hold(frame: Uint8Array, after: number, maxBytes: number): void {
    this.#held.push({ frame, after })
    this.#bytes += frame.byteLength
    while (this.#bytes > maxBytes) this.#bytes -= this.#held.shift()?.frame.byteLength ?? 0
  }

  /** Removes and returns the frames published before the event with this sequence. */
  takeBefore(sequence: number): Uint8Array[] {
    if (this.#held.length === 0) return []
    const end = this.#held.findIndex(({ after }) => after >= sequence)
    const taken = this.#held.splice(0, end < 0 ? this.#held.length : end).map(({ frame }) => frame)
    for (const frame of taken) this.#bytes -= frame.byteLength
    return taken
  }
}
