/** Compression that is done once: each event is compressed for all streams together. */
import { checkRange, HubError } from '../core/errors.ts'
import type { Compression, FrameList } from '../core/event-stream.ts'
import { checkOptions, KIND, type Kinds } from '../core/options/option-kinds.ts'
import { canCompress, deflate, type GzipPart, join, store } from './gzip.ts'
import { GzipStream } from './gzip-stream.ts'

/** Options of {@link createCompression}. */
export interface CompressionOptions {
  /** The size in bytes from which events are compressed. Smaller ones cost time and save little. @defaultValue `1_024` */
  readonly minBytes?: number | undefined
}

const KINDS: Kinds<CompressionOptions> = { minBytes: KIND.number }

/** Bytes of the newest events that can be compressed, with their compressed form: later, they are sent as they are. */
const MAX_KEPT_BYTES = 8_388_608

/**
 * Creates the compression of a hub's streams, for clients that accept gzip. Each event is compressed once, when
 * the first of them receives it. Smaller events, control events and replayed events may be sent uncompressed within the stream.
 * @throws {HubError} `invalid-option`, also for Node before 20.15
 */
export function createCompression(options: CompressionOptions = {}): Compression {
  checkOptions('createCompression', options, KINDS)
  const { minBytes = 1_024 } = options
  checkRange('minBytes', minBytes, 1)
  if (!canCompress())
    throw new HubError('invalid-option', 'Compression requires Node 20.15 or later.')
  /** Frames from the oldest to the newest, compressed once they were needed. */
  const kept = new Map<Uint8Array, GzipPart | undefined>()
  let keptBytes = 0
  /** Connections with the same queue share its compressed form. */
  const queues = new WeakMap<FrameList, GzipPart>()
  return { encoding: 'gzip', offer, compress: (stream) => new GzipStream(stream, compressFrames) }

  function offer(frame: Uint8Array): void {
    if (frame.byteLength < minBytes || kept.has(frame)) return
    keep(frame, undefined, frame.byteLength)
  }

  function keep(frame: Uint8Array, part: GzipPart | undefined, bytes: number): void {
    kept.set(frame, part)
    keptBytes += bytes
    for (const [oldest, its] of kept) {
      if (keptBytes <= MAX_KEPT_BYTES) return
      kept.delete(oldest)
      keptBytes -= oldest.byteLength + (its?.bytes.byteLength ?? 0)
    }
  }

  function compressFrames(frames: FrameList): GzipPart {
    const known = queues.get(frames)
    if (known) return known
    const parts: GzipPart[] = []
    for (let at: FrameList | undefined = frames; at?.previous; at = at.previous) {
      parts.push(compressFrame(at.frame))
    }
    const [only] = parts
    const part = only && parts.length === 1 ? only : join(parts.reverse())
    queues.set(frames, part)
    return part
  }

  function compressFrame(frame: Uint8Array): GzipPart {
    if (!kept.has(frame)) return store(frame)
    const known = kept.get(frame)
    if (known) return known
    const part = deflate(frame)
    keep(frame, part, part.bytes.byteLength)
    return part
  }
}
