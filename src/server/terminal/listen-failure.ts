/** Why a server can't listen, and what to set, for the mistakes that people make. */

const ADDRESS =
  'can’t listen because HOST is not an address of this machine: set it to one, for example 127.0.0.1'

/** By error code, which is the same on Node, Bun and Deno. */
const MESSAGES: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'can’t listen because the port is in use: set PORT to another one, or stop the program that uses it',
  EACCES: 'can’t listen because this user may not use the port: set PORT to 1024 or more',
  EADDRNOTAVAIL: ADDRESS,
  ENOTFOUND: ADDRESS,
  EAI_AGAIN: ADDRESS,
}

/** Returns what to log when a server can't listen; undefined if the error has to be shown as it is. */
export function listenFailure(error: unknown): string | undefined {
  const { code } = Object(error) as { readonly code?: unknown }
  return typeof code === 'string' ? MESSAGES[code] : undefined
}
