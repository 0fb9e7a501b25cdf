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
