/** The reference server of Durable Streams on Node, in memory: each request appends to one stream. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = process.env.DURABLE_STREAMS ?? ''
const library = pathToFileURL(join(folder, 'dist/index.js')).href
const { DurableStreamTestServer } = await import(library)

const server = new DurableStreamTestServer({ port: Number(process.env.PORT), host: '127.0.0.1' })
const headers = { 'Content-Type': 'application/json' }
await fetch(`${await server.start()}/broadcast`, { method: 'PUT', headers })
