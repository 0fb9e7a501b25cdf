/** A set whose members expire, such as blocked clients and used tickets. */
import type { Clock } from './clock.ts'
import { HubError } from './errors.ts'

/** A bounded set whose members expire. It holds no timer: every call compares with the clock. */
export interface ExpiringSet {
  /**
   * Adds a name for `ms` milliseconds, or changes its expiry. Takes logarithmic time.
   * @throws {HubError} `at-capacity` if the set is full, unless it drops another name
   */
  add(name: string, ms: number): void
  has(name: string): boolean
  /** The number of names, with those that have expired and are not removed yet. */
  readonly size: number
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
  expiry: number
  /** Its index in the heap. */
  at: number
}

/** Expired names that an addition removes at most: 100,000 at once would take a tenth of a second. */
const MAX_REMOVED = 100

/** Creates an empty set. */
export function createExpiringSet(
  clock: Clock,
  { max = 100_000, whenFull = 'refuse' }: ExpiringSetOptions = {},
): ExpiringSet {
  const members = new Map<string, Member>()
  /** A binary heap by expiry, the first to expire at index 0. */
  const heap: Member[] = []
  return {
    add,
    has,
    get size() {
      return members.size
    },
  }

  function add(name: string, ms: number): void {
    const now = clock.monotonic()
    for (let n = 0; n < MAX_REMOVED && heap[0] && heap[0].expiry <= now; n++) removeFirst()
    const member = members.get(name) ?? create(name)
    member.expiry = now + ms
    place(heap, member)
  }

  function has(name: string): boolean {
    const member = members.get(name)
    return member !== undefined && member.expiry > clock.monotonic()
  }

  /** The set is full only if no name has expired: one that has was removed before. */
  function create(name: string): Member {
    if (members.size >= max) {
      if (whenFull === 'refuse') {
        throw new HubError(
          'at-capacity',
          `The limit of ${max} blocked clients or used tickets is reached. Try again later.`,
        )
      }
      removeFirst()
    }
    const member = { name, expiry: Infinity, at: heap.length }
    members.set(name, member)
    heap.push(member)
    return member
  }

  function removeFirst(): void {
    const [first] = heap
    const last = heap.pop()
    if (!first || !last) return
    members.delete(first.name)
    if (last === first) return
    last.at = 0
    place(heap, last)
  }
}

/** Moves a member up or down to where its expiry belongs; its index may hold another one. */
function place(heap: Member[], member: Member): void {
  let { at } = member
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]
    if (!above || above.expiry <= member.expiry) break
    put(heap, above, at)
    at = parent
  }
  for (;;) {
    const left = 2 * at + 1
    const child = (heap[left + 1]?.expiry ?? Infinity) < (heap[left]?.expiry ?? 0) ? left + 1 : left
    const below = heap[child]
    if (!below || below.expiry >= member.expiry) break
    put(heap, below, at)
    at = child
  }
  put(heap, member, at)
}

function put(heap: Member[], member: Member, at: number): void {
  heap[at] = member
  member.at = at
}
