/** Eviction floors: upper bounds of the last evicted sequences of more addresses than can be stored one by one. */

/** Floors that addresses share by their hash. They may be too high for an address, but never too low. */
export interface EvictionFloors {
  /** Records that entries of this address up to this sequence were evicted. */
  raise(key: string, sequence: number): void
  /** Returns an upper bound of the last evicted sequence of an address. */
  of(key: string): number
}

/** Floors per address: others must raise all of them before it seems to have lost an event. */
const PER_ADDRESS = 3

/** Creates floors at zero: 4 bytes each, from the first call of `raise` on. @param count - a power of two */
export function createEvictionFloors(count: number): EvictionFloors {
  let floors: Float32Array | undefined
  return { raise, of }

  function raise(key: string, sequence: number): void {
    floors ??= new Float32Array(count)
    const rounded = roundUp(sequence)
    for (const index of indexesOf(key)) {
      if ((floors[index] ?? 0) < rounded) floors[index] = rounded
    }
  }

  function of(key: string): number {
    if (!floors) return 0
    let lowest = Number.POSITIVE_INFINITY
    for (const index of indexesOf(key)) lowest = Math.min(lowest, floors[index] ?? 0)
    return lowest
  }

  /** Derives all indexes from two hashes. https://en.wikipedia.org/wiki/Double_hashing */
  function indexesOf(key: string): number[] {
    const [one, other] = hashesOf(key)
    const indexes: number[] = []
    for (let n = 0; n < PER_ADDRESS; n++) indexes.push((one + n * (other | 1)) & (count - 1))
    return indexes
  }
}

/** Returns two hashes of 32 bits that do not depend on each other. */
export function hashesOf(key: string): readonly [number, number] {
  let one = 0x811c9dc5
  let other = 0x9747b28c
  for (let at = 0; at < key.length; at++) {
    one = Math.imul(one ^ key.charCodeAt(at), 0x01000193)
    other = Math.imul(other ^ key.charCodeAt(at), 0x85ebca6b)
    other ^= other >>> 15
  }
  return [one ^ (one >>> 15), other]
}

/** Rounds to a number of 24 bits, never down. */
function roundUp(sequence: number): number {
  const rounded = Math.fround(sequence)
  return rounded < sequence ? Math.fround(sequence * (1 + 2 ** -23)) : rounded
}
