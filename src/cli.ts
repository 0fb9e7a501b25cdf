#!/usr/bin/env node
/** The command `hono-sse`: starts a hub, listens to one, publishes events and issues tickets. */
const { main } = await import('./cli/program.ts').catch(explainMissing)
await main(process.argv)

/** The packages of the command are optional, so that apps that only use the library can omit them. */
function explainMissing(error: Error & { readonly code?: string }): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.error(
    `hono-sse: The command can’t load one of its packages: install hono-sse with its optional dependencies. (${error.message})`,
  )
  process.exit(2)
}
