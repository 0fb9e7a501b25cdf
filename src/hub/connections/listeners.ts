/** The listeners of an event: everything that listens to any of its addresses, each once. */
import type { AddressKeys } from '../../core/address.ts'
import type { HubConnection } from './connection.ts'
import type { Registry } from './registry.ts'

/** Returns the listeners to the addresses with these keys. */
export function listenersAt(
  index: Pick<Registry, 'at'>,
  keys: AddressKeys,
): ReadonlySet<HubConnection> {
  if (typeof keys === 'string') return index.at(keys)
  const listeners = new Set<HubConnection>()
  for (const key of keys) for (const listener of index.at(key)) listeners.add(listener)
  return listeners
}
