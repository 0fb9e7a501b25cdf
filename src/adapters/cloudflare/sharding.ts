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

/** What the epochs of one object among so many end with: so a cursor says where it is from. */
export function epochSuffix(shard: number, count: number): string {
  return count === 1 ? '' : `s${pair(shard)}${pair(count)}`
}

/** What the epoch of an object ends with that serves nobody before others know of it: up to this number. */
export function fenceSuffix(count: number): string {
  return `x${pair(0)}${pair(count)}`
}

/** Without its mark an epoch has 12 characters, from 2059 on 13. */
const PLACE = /^[0-9a-z]{12,13}(([sx])([0-9a-z]{2})([0-9a-z]{2}))?-\d+$/

/** What the id of a place says of the object that it is from. */
export interface CursorOrigin {
  readonly suffix: string
  /** Undefined if the epoch was never one to serve with. */
  readonly shard: number | undefined
  /** How many objects there were. */
  readonly count: number
}

/** Where a cursor is from; undefined when it is none. */
export function cursorOrigin(cursor: string): CursorOrigin | undefined {
  const match = PLACE.exec(cursor)
  if (!match) return undefined
  const [, suffix = '', kind = 's', shard = '0', count = '1'] = match
  return {
    suffix,
    shard: kind === 's' ? Number.parseInt(shard, 36) : undefined,
    count: Number.parseInt(count, 36),
  }
}

/**
 * A client id for somebody who comes without one: one of the object that the cursor is from, because
 * no other can know what was missed since. With another number of objects none does.
 */
export function newClientId(cursor: string, count: number): string {
  const origin = cursorOrigin(cursor)
  const home = origin?.count === count ? (origin.shard ?? count) : count
  let name = crypto.randomUUID()
  while (home < count && shardOf(name, count) !== home) name = crypto.randomUUID()
  return name
}

function pair(number: number): string {
  return number.toString(36).padStart(2, '0')
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
