/** Loads the package `@redis/client`, which an app installs only if it uses this journal. */
import type { createClient } from '@redis/client'

/** Resolves with the `createClient` of `@redis/client`. @throws if it is not installed */
export async function loadRedisClient(): Promise<typeof createClient> {
  try {
    // Imported on demand, so that a runtime without sockets can load this module, too.
    return (await import('@redis/client')).createClient
  } catch (cause) {
    throw new Error(
      'The package @redis/client can’t be loaded: install it beside hono-sse, with npm install @redis/client.',
      { cause },
    )
  }
}
