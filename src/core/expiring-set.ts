/** A set whose members expire, such as blocked clients and used tickets. */
import type { Clock } from './clock.ts'
import { HubError } from './errors.ts'

/** A bounded set whose members expire. It holds no timer: every call compares with the clock. */
export interface ExpiringSet {
  /**
   * Adds a name for `ms` milliseconds, or changes its expiry. Takes amortized logarithmic time.
   * @throws {HubError} `at-capacity` if the set is full, unless it drops another name
   */
  add(name: string, ms: number): void
  has(name: string): boolean
}

/** The bound of a set, and what happens beyond it. */
export interface ExpiringSetOptions {
  /** The maximum number of names. @defaultValue `100_000` */
  readonly max?: number
  /**
   * `refuse`: `add` throws. `drop`: the name that expires first is removed; for a set that mirrors
   * another one with the same bound, whose names expire slightly earlier.
   * @defaultValue `refuse`
   */
  readonly whenFull?: 'refuse' | 'drop'
}

interface Member {
  readonly name: string
  readonly expiry: number
}

/** Creates an empty set. */
export function createExpiringSet(
  clock: Clock,
  { max = 100_000, whenFull = 'refuse' }: ExpiringSetOptions = {},
): ExpiringSet {
  const members = new Map<string, Member>()
  /** A binary heap by expiry, the first to expire at index 0. It also contains members that were replaced. */
  let heap: Member[] = []
  return { add, has }

  function add(name: string, ms: number): void {
    const now = clock.monotonic()
    while (heap[0] && (heap[0].expiry <= now || isReplaced(heap[0]))) dropFirst()
    if (members.size >= max && !members.has(name)) {
      if (whenFull === 'refuse') {
        throw new HubError(
          'at-capacity',
          `The limit of ${max} blocked clients or used tickets is reached. Try again later.`,
        )
      }
      dropFirst()
    }
    const member = { name, expiry: now + ms }
    members.set(name, member)
    pushMember(heap, member)
    // A sorted array is a heap. It is rebuilt so rarely that each addition costs little.
    if (heap.length > 2 * members.size + 100) heap = [...members.values()].sort(byExpiry)
  }

  function has(name: string): boolean {
    const member = members.get(name)
    return member !== undefined && member.expiry > clock.monotonic()
  }

  function isReplaced(member: Member): boolean {
    return members.get(member.name) !== member
  }

  function dropFirst(): void {
    const member = popMember(heap)
    if (member && !isReplaced(member)) members.delete(member.name)
  }
}

function byExpiry(one: Member, other: Member): number {
  return one.expiry - other.expiry
}

function pushMember(heap: Member[], member: Member): void {
  let at = heap.push(member) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]
    if (!above || above.expiry <= member.expiry) break
    heap[at] = above
    at = parent
  }
  heap[at] = member
}

function popMember(heap: Member[]): Member | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (!last || heap.length === 0) return first
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    const child = (heap[left + 1]?.expiry ?? Infinity) < (heap[left]?.expiry ?? 0) ? left + 1 : left
    const below = heap[child]
    if (!below || below.expiry >= last.expiry) break
    heap[at] = below
    at = child
  }
  heap[at] = last
  return first
}
