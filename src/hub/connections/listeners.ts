/** The listeners of an event: everything that listens to any of its addresses, each once. */
import type { AddressKeys } from '../../core/address.ts'
import type { HubConnection } from './connection.ts'
import type { Registry } from './registry.ts'

const NONE: ReadonlySet<HubConnection> = new Set()

/** Returns the listeners to the addresses with these keys. */
export function listenersAt(
  index: Pick<Registry, 'at'>,
  keys: AddressKeys,
): ReadonlySet<HubConnection> {
  if (typeof keys === 'string') return index.at(keys)
  const [first = NONE, ...others] = keys.map(index.at).filter(({ size }) => size > 0)
  // Most topics have no listener by a pattern, or no other: a set of their own would copy all listeners for each event.
  if (others.length === 0) return first
  const listeners = new Set(first)
  for (const other of others) for (const listener of other) listeners.add(listener)
  return listeners
}
