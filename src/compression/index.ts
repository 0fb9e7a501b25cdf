/** Compression of streams: `hono-sse/compression`, for runtimes with `node:zlib`. */
export type { Compression } from '../core/event-stream.ts'
export { type CompressionOptions, createCompression } from './create-compression.ts'
