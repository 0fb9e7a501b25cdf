/**
 * Which shard a client belongs to, and how cursors name shards. The hash is stable and even, and
 * adding a shard moves few clients.
 */
import {
  type Address,
  type Addresses,
  addressKey,
  addressKeys,
  clientOf,
} from '../../core/address.ts'

const encoder = new TextEncoder()

/** A shard, and the addresses of an event that it stores the event at: one, or a list of several. */
export type Part = readonly [shard: number, addresses: Addresses]

/**
 * The parts of an event among the shards that it concerns: that of each client, or all for a topic or everyone.
 * @throws {HubError} `invalid-address`
 */
export function partsOf(addresses: Addresses, count: number): readonly [Part, ...Part[]] {
  addressKeys(addresses)
  const byKey = new Map([addresses].flat().map((address) => [addressKey(address), address]))
  const lists = Array.from({ length: count }, (): Address[] => [])
  for (const address of byKey.values()) {
    const { client } = Object(address) as { readonly client?: string }
    const home = client === undefined ? undefined : shardOf(client, count)
    for (const [shard, list] of lists.entries()) {
      if (home === undefined || home === shard) list.push(address)
    }
  }
  const parts = lists.flatMap((list, shard): Part[] => {
    const [address] = list
    return address === undefined ? [] : [[shard, list.length === 1 ? address : list]]
  })
  return parts as [Part, ...Part[]]
}

/**
 * The shard of a client, from 0 up to `count`. When a shard is added, a client stays on its shard
 * or moves to the new one.
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

/** Whether events for the address with this key are stored on a shard: those of a client on its own, all others on every one. */
export function isStoredAt(key: string, shard: number, count: number): boolean {
  const client = clientOf(key)
  return shard < count && (client === undefined || shardOf(client, count) === shard)
}

/** What the epochs of shard number `shard` of `count` end with, so that a cursor names its shard; empty for a single shard. */
export function epochSuffix(shard: number, count: number): string {
  return count === 1 ? '' : `s${pair(shard)}${pair(count)}`
}

/**
 * What the epoch of a fenced shard ends with: it serves no clients before it has fenced the others.
 * @param count - every shard that may have to be fenced has a number below this
 */
export function fenceSuffix(count: number): string {
  return `x${pair(0)}${pair(count)}`
}

/** An epoch without its suffix has 12 characters; from 2059 on, 13. */
const CURSOR = /^[0-9a-z]{12,13}(([sx])([0-9a-z]{2})([0-9a-z]{2}))?-\d+r?$/

/** Where a cursor was issued. */
export interface CursorOrigin {
  /** What its epoch ends with. */
  readonly suffix: string
  /** The shard; undefined if the epoch is that of a fenced shard. */
  readonly shard: number | undefined
  /** The number of shards at that time. */
  readonly count: number
}

/** Where a cursor was issued; undefined for text that is not a cursor. */
export function cursorOrigin(cursor: string): CursorOrigin | undefined {
  const match = CURSOR.exec(cursor)
  if (!match) return undefined
  const [, suffix = '', kind = 's', shard = '0', count = '1'] = match
  return {
    suffix,
    shard: kind === 's' ? Number.parseInt(shard, 36) : undefined,
    count: Number.parseInt(count, 36),
  }
}

/**
 * A new client id for a connection that names none. If a cursor comes with it, the id belongs to the
 * shard that issued the cursor, because only that shard stores what was missed since. A cursor from
 * another number of shards is valid on none, so any id will do.
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

/** Makes every output bit depend on every input bit: the upper bits of FNV-1a alone are too similar. */
function mix(state: number): number {
  let bits = state | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
