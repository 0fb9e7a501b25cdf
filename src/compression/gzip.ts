/** The gzip format, in parts that can follow each other in any order: each is made once for all streams. */
import zlib from 'node:zlib'
import { joinCrc, shiftOf } from './crc.ts'

/** A part of compressed data. */
export interface GzipPart {
  /** Blocks of deflate that refer to nothing before them. */
  readonly bytes: Uint8Array
  /** The number of bytes before they were compressed. */
  readonly size: number
  /** The CRC of those bytes. */
  readonly crc: number
  /** @see shiftOf */
  readonly shift: number
}

/** Compression of 10 KB takes two thirds of the time of level 6, and the result is 5 % larger. */
const LEVEL = 4

/** The name of the program stands in a comment: `hono-sse doctor` recognizes by it that no proxy compresses. */
const COMMENT = 'hono-sse'

/** The start of the data. https://www.rfc-editor.org/rfc/rfc1952#section-2.3 */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(
  ...[0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 0xff],
  ...new TextEncoder().encode(`${COMMENT}\0`),
)

/** A last block without data. https://www.rfc-editor.org/rfc/rfc1951#section-3.2.3 */
const LAST_BLOCK = [0x03, 0x00]

/** The maximum size of a block that is stored as it is, and the size of its header. */
const MAX_STORED = 65_535
const STORED_HEADER = 5

const NO_BYTES = new Uint8Array(0)

/** Whether the runtime computes checksums: not in Node before 20.15. */
export function canCompress(): boolean {
  return typeof zlib.crc32 === 'function'
}

/** Stores bytes as they are, which takes no time: for frames that are small or belong to one stream. */
export function store(bytes: Uint8Array): GzipPart {
  return partOf(bytes, storedBlocks(bytes))
}

/** Compresses bytes. If that makes them no shorter, they are stored. */
export function deflate(bytes: Uint8Array): GzipPart {
  const chunkSize = bytes.byteLength + 64
  // A full flush ends at a whole byte, and the blocks after it refer to nothing before it.
  const options = { level: LEVEL, finishFlush: zlib.constants.Z_FULL_FLUSH, chunkSize }
  const block = zlib.deflateRawSync(bytes, options)
  if (block.byteLength >= bytes.byteLength) return store(bytes)
  // A copy, because the block occupies a buffer of the size of the chunk.
  return partOf(bytes, new Uint8Array(block))
}

/** Joins parts, from the first to the last. */
export function join(parts: readonly GzipPart[]): GzipPart {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.byteLength, 0))
  let at = 0
  let size = 0
  let crc = 0
  for (const part of parts) {
    bytes.set(part.bytes, at)
    at += part.bytes.byteLength
    size += part.size
    crc = joinCrc(crc, part.crc, part.shift)
  }
  return { bytes, size, crc, shift: shiftOf(size) }
}

/** The end of the data: without it, strict clients report an error. @param size - of all bytes, modulo 2³² */
export function gzipTrailer(crc: number, size: number): Uint8Array {
  const trailer = new Uint8Array(LAST_BLOCK.length + 8)
  trailer.set(LAST_BLOCK)
  const view = new DataView(trailer.buffer, LAST_BLOCK.length)
  view.setUint32(0, crc, true)
  view.setUint32(4, size, true)
  return trailer
}

function partOf(bytes: Uint8Array, block: Uint8Array): GzipPart {
  const size = bytes.byteLength
  return { bytes: block, size, crc: zlib.crc32(bytes), shift: shiftOf(size) }
}

/**
 * The last block is empty, as after a flush of zlib: at such a block, decompressors hand out what they have. Without it,
 * that of Go (in Caddy, too) waits for 32 KB. https://www.rfc-editor.org/rfc/rfc1951#section-3.2.4
 */
function storedBlocks(bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.byteLength / MAX_STORED) + 1
  const blocks = new Uint8Array(bytes.byteLength + count * STORED_HEADER)
  const view = new DataView(blocks.buffer)
  for (let n = 0, to = 0; n < count; n++) {
    const part = n < count - 1 ? bytes.subarray(n * MAX_STORED, (n + 1) * MAX_STORED) : NO_BYTES
    view.setUint16(to + 1, part.byteLength, true)
    view.setUint16(to + 3, ~part.byteLength & 0xffff, true)
    blocks.set(part, to + STORED_HEADER)
    to += STORED_HEADER + part.byteLength
  }
  return blocks
}
