/** Which of several objects a client belongs to: stable, even, and little changed by one object more. */

const encoder = new TextEncoder()

/**
 * The number of a client's object, from 0 up to `count`. With one more object a client stays where
 * it is, or moves to the new one.
 * @see https://arxiv.org/abs/1406.2294 jump consistent hash
 */
export function shardOf(client: string, count: number): number {
  let state = hash(client)
  let at = 0
  for (let next = 0; next < count; ) {
    at = next
    state = mix(state + 0x9e3779b9)
    next = Math.floor(((at + 1) * 2 ** 32) / (state + 1))
  }
  return at
}

/** What the epochs of an object end with, but for the first's: so a cursor says where it is from. */
export function markOf(shard: number): string {
  return shard === 0 ? '' : `s${shard.toString(36).padStart(2, '0')}`
}

/** Without its mark an epoch has 12 characters, from 2059 on 13. */
const CURSOR = /^[0-9a-z]{12,13}(?:s([0-9a-z]{2}))?-\d+$/

/**
 * A client id for somebody who comes without one: one of the object that the cursor is from, because
 * no other can know what was missed since.
 */
export function newName(cursor: string, count: number): string {
  const [match, mark = '0'] = CURSOR.exec(cursor) ?? []
  const home = match === undefined ? count : Number.parseInt(mark, 36)
  let name = crypto.randomUUID()
  while (home < count && shardOf(name, count) !== home) name = crypto.randomUUID()
  return name
}

/** FNV-1a over UTF-8, in 32 bits. https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
function hash(text: string): number {
  let state = 0x811c9dc5
  for (const byte of encoder.encode(text)) state = Math.imul(state ^ byte, 0x01000193)
  return mix(state)
}

/** Lets every bit tell on every other: FNV-1a alone leaves the upper ones too much alike. */
function mix(state: number): number {
  let bits = state | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
