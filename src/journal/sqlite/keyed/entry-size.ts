/** The size of an entry in SQLite. */
import type { KeyedPlace } from '../../keyed-places.ts'

/** The approximate overhead of an entry at one address, beyond its frame and two copies of the key: its columns and its index entry. */
const ENTRY_BYTES = 40

const encoder = new TextEncoder()

/** The approximate bytes of an entry: its frame, a row for each key, and one for each place at which it is superseded. */
export function entrySize(
  frame: Uint8Array,
  keys: readonly string[],
  places: readonly KeyedPlace[],
): number {
  const names = [...keys, ...places.map(({ address, name }) => address + name)]
  return names.reduce((sum, name) => sum + 2 * byteLength(name) + ENTRY_BYTES, frame.byteLength)
}

function byteLength(text: string): number {
  return encoder.encode(text).byteLength
}
