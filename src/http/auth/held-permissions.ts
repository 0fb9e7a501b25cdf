/** Permissions that are read once for several events: a batch would otherwise verify its credential for each of them. */
import type { Context } from 'hono'
import type { Permissions } from './permissions.ts'

const held = new WeakMap<Context, Promise<Permissions> | undefined>()

/** Makes the permissions of a context be read once. It MUST NOT be used for longer than a few events take. */
export function holdPermissions(c: Context): void {
  held.set(c, undefined)
}

/** Returns the permissions of a context: those that are held, or else those that `read` returns. */
export function heldPermissions(
  c: Context,
  read: (c: Context) => Promise<Permissions>,
): Promise<Permissions> {
  if (!held.has(c)) return read(c)
  const permissions = held.get(c) ?? read(c)
  held.set(c, permissions)
  return permissions
}
