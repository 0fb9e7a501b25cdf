/** The keyed entries of a store: which of them carry the same key at the same address. Without any, it takes no memory. */

/** Which entries carry a key. */
export interface KeyedEntries<Stored> {
  /** The bytes that it takes, by its own count. */
  readonly bytes: number
  /** Adds an entry, which is newer than those before. */
  add(address: string, key: string, stored: Stored): void
  /** Removes the entries with this key at this address and returns them, oldest first. */
  take(address: string, key: string): Iterable<Stored>
  /** Removes an entry that is no longer stored, if it has a key. */
  remove(stored: Stored): void
  clear(): void
}

/** The entries with one key at one address. */
interface Group<Stored> {
  readonly name: string
  readonly entries: Set<Stored>
}

/** The maximum overhead of a group beyond its name, and of an entry, as measured on V8: their objects, and their places in maps. */
const GROUP_BYTES = 360
const ENTRY_BYTES = 90

/** Creates an empty index. */
export function createKeyedEntries<Stored>(): KeyedEntries<Stored> {
  const groups = new Map<string, Group<Stored>>()
  const groupOf = new Map<Stored, Group<Stored>>()
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    add,
    take,
    remove,
    clear,
  }

  function add(address: string, key: string, stored: Stored): void {
    const group = groupAt(nameOf(address, key))
    group.entries.add(stored)
    groupOf.set(stored, group)
    bytes += ENTRY_BYTES
  }

  function groupAt(name: string): Group<Stored> {
    const known = groups.get(name)
    if (known) return known
    const group: Group<Stored> = { name, entries: new Set() }
    groups.set(name, group)
    bytes += sizeOf(group)
    return group
  }

  function take(address: string, key: string): Iterable<Stored> {
    const group = groups.get(nameOf(address, key))
    if (!group) return []
    for (const stored of group.entries) groupOf.delete(stored)
    bytes -= group.entries.size * ENTRY_BYTES
    drop(group)
    return group.entries
  }

  function remove(stored: Stored): void {
    const group = groupOf.get(stored)
    if (!group) return
    groupOf.delete(stored)
    group.entries.delete(stored)
    bytes -= ENTRY_BYTES
    if (group.entries.size === 0) drop(group)
  }

  function drop(group: Group<Stored>): void {
    groups.delete(group.name)
    bytes -= sizeOf(group)
  }

  function clear(): void {
    groups.clear()
    groupOf.clear()
    bytes = 0
  }
}

/** No address contains a line break. */
function nameOf(address: string, key: string): string {
  return `${address}\n${key}`
}

function sizeOf({ name }: Group<unknown>): number {
  return 2 * name.length + GROUP_BYTES
}
