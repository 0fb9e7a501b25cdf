#!/usr/bin/env node
/** The command `hono-sse`: starts a server, listens to one, publishes, gets tickets. */
import { main } from './cli/program.ts'

await main(process.argv)
