#!/usr/bin/env node
/** The command `hono-sse`: starts a hub, listens to one, publishes events and issues tickets. */
import { main } from './cli/program.ts'

await main(process.argv)
