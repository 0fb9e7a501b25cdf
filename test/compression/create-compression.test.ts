/** Each event is compressed once for all streams, and each stream is valid gzip. */
import { randomBytes } from 'node:crypto'
import zlib, { constants, gunzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { createCompression } from '../../src/compression/create-compression.ts'
import type { CompressedStream, FrameList } from '../../src/core/event-stream.ts'
import { emptyQueue, enqueue } from '../../src/hub/connections/frame-queue.ts'
import { type FakeStream, fakeStream } from '../support/fake-stream.ts'

const deflateRaw = vi.spyOn(zlib, 'deflateRawSync')

afterEach(() => {
  deflateRaw.mockClear()
})
afterAll(() => {
  deflateRaw.mockRestore()
})

const encoder = new TextEncoder()
const LARGE = encoder.encode(`data: ${JSON.stringify(Array(400).fill({ name: 'Ann' }))}\n\n`)
const SMALL = encoder.encode('data: hello\n\n')

/** A transport that keeps what it is written. */
function transport(): FakeStream {
  return Object.assign(fakeStream(), { unsentBytes: 7 })
}

function queueOf(...frames: readonly Uint8Array[]): FrameList {
  return frames.reduce(enqueue, emptyQueue())
}

function write(compressed: CompressedStream, ...frames: readonly Uint8Array[]): void {
  void compressed.writeFrames?.(queueOf(...frames))
}

function bytesOf({ writes }: FakeStream): Buffer {
  return Buffer.concat(writes)
}

/** What a client has received so far. */
function received(stream: FakeStream): Buffer {
  return gunzipSync(bytesOf(stream), { finishFlush: constants.Z_SYNC_FLUSH })
}

/** What a client has received in the end; throws if the data is incomplete or the checksum is wrong. */
function complete(stream: FakeStream, compressed: CompressedStream): Buffer {
  compressed.finish()
  return gunzipSync(bytesOf(stream))
}

test('a client receives each frame at once, and at the end valid gzip', () => {
  const compression = createCompression()
  const stream = transport()
  const compressed = compression.compress(stream)
  const sent: Uint8Array[] = []
  const frames = [SMALL, LARGE, SMALL, SMALL, new Uint8Array(randomBytes(200_000)), LARGE, SMALL]
  for (const frame of frames) {
    compression.offer(frame)
    write(compressed, frame, SMALL)
    sent.push(frame, SMALL)
    expect(received(stream).equals(Buffer.concat(sent))).toBe(true)
  }
  expect(complete(stream, compressed).equals(Buffer.concat(sent))).toBe(true)
})

test('each write ends with the empty block at which decompressors hand out what they have', () => {
  const compression = createCompression()
  const stream = transport()
  const compressed = compression.compress(stream)
  compression.offer(LARGE)
  for (const frame of [SMALL, LARGE, new Uint8Array(randomBytes(65_535))]) {
    write(compressed, frame)
    expect([...bytesOf(stream).subarray(-5)]).toEqual([0, 0, 0, 0xff, 0xff])
  }
})

test('an event of 10 KB takes a quarter of its bytes', () => {
  const compression = createCompression()
  const stream = transport()
  const rows = Array.from({ length: 120 }, (_, id) => ({
    id,
    name: `item ${id}`,
    price: (id * 7_919) % 10_007,
    status: ['open', 'closed', 'pending'][id % 3],
  }))
  const frame = encoder.encode(`data: ${JSON.stringify(rows)}\n\n`)
  compression.offer(frame)
  write(compression.compress(stream), frame)
  expect(bytesOf(stream).byteLength).toBeLessThan(frame.byteLength / 4)
})

describe('an event is compressed', () => {
  test('once for all streams, whatever else they receive', () => {
    const compression = createCompression()
    compression.offer(LARGE)
    const streams = Array.from({ length: 5 }, transport)
    for (const [n, stream] of streams.entries()) {
      const compressed = compression.compress(stream)
      const others = Array.from({ length: n }, () => SMALL)
      write(compressed, ...others, LARGE)
      expect(complete(stream, compressed).equals(Buffer.concat([...others, LARGE]))).toBe(true)
    }
    expect(deflateRaw).toHaveBeenCalledOnce()
  })

  test('into the same buffer for streams with the same queue', () => {
    const compression = createCompression()
    compression.offer(LARGE)
    const queue = queueOf(SMALL, LARGE)
    const streams = Array.from({ length: 2 }, transport)
    for (const stream of streams) {
      const compressed = compression.compress(stream)
      void compressed.write(SMALL)
      void compressed.writeFrames?.(queue)
    }
    const [one, other] = streams.map(({ writes }) => writes[1])
    expect(one).toBe(other)
  })

  test('only when a stream receives it', () => {
    createCompression().offer(LARGE)
    expect(deflateRaw).not.toHaveBeenCalled()
  })

  test('unless it is smaller than minBytes', () => {
    const compression = createCompression({ minBytes: LARGE.byteLength + 1 })
    const stream = transport()
    compression.offer(LARGE)
    write(compression.compress(stream), LARGE)
    expect(deflateRaw).not.toHaveBeenCalled()
    expect(received(stream).equals(LARGE)).toBe(true)
  })

  test('unless it was not delivered just now, because each stream would compress it for itself', () => {
    const compression = createCompression()
    const stream = transport()
    write(compression.compress(stream), LARGE)
    expect(deflateRaw).not.toHaveBeenCalled()
    expect(received(stream).equals(LARGE)).toBe(true)
  })

  test('unless 8 MiB were delivered since', () => {
    const compression = createCompression()
    const stream = transport()
    const compressed = compression.compress(stream)
    compression.offer(LARGE)
    write(compressed, LARGE)
    for (let n = 0; n < 9; n++) compression.offer(new Uint8Array(2 ** 20))
    write(compressed, LARGE)
    expect(deflateRaw).toHaveBeenCalledOnce()
    expect(complete(stream, compressed).equals(Buffer.concat([LARGE, LARGE]))).toBe(true)
  })
})

test('data that does not become smaller is sent as it is', () => {
  const compression = createCompression()
  const stream = transport()
  const frame = new Uint8Array(randomBytes(150_000))
  compression.offer(frame)
  const compressed = compression.compress(stream)
  write(compressed, frame)
  expect(bytesOf(stream).byteLength).toBeLessThan(frame.byteLength + 50)
  expect(complete(stream, compressed).equals(frame)).toBe(true)
})

test('a stream without any frame is valid gzip', () => {
  const stream = transport()
  expect(complete(stream, createCompression().compress(stream)).byteLength).toBe(0)
})

test('nothing is written to a stream that has ended', () => {
  const stream = transport()
  const compressed = createCompression().compress(stream)
  stream.leave()
  compressed.finish()
  expect(stream.writes).toEqual([])
})

test('compressed bytes are counted, as the transport counts those that wait', () => {
  const stream = transport()
  const compressed = createCompression().compress(stream)
  write(compressed, LARGE, SMALL)
  void compressed.write(SMALL)
  expect(compressed.writtenBytes).toBe(bytesOf(stream).byteLength)
  expect(createCompression().compress({ ...stream, writtenBytes: 5 }).writtenBytes).toBe(5)
})

test('the transport is reached through the compression', async () => {
  const stream = transport()
  const compressed = createCompression().compress(stream)
  const left = vi.fn()
  compressed.onAbort(left)
  expect(compressed.unsentBytes).toBe(7)
  stream.stall()
  const accepted = vi.fn()
  const written = compressed.write(SMALL)?.then(accepted)
  expect(accepted).not.toHaveBeenCalled()
  compressed.abort()
  stream.resume()
  await written
  expect([stream.cut, compressed.aborted, left.mock.calls.length]).toEqual([true, true, 1])
})

test('a Node without the checksum is refused', () => {
  const { crc32 } = zlib
  try {
    Object.assign(zlib, { crc32: undefined })
    expect(() => createCompression()).toThrow('requires Node 20.15')
  } finally {
    Object.assign(zlib, { crc32 })
  }
})

test.each([
  [{ minBytes: 0 }, /minBytes/],
  [{ minBytes: Number.NaN }, /minBytes/],
  [{ minbytes: 1 } as object, /no option "minbytes"/],
])('%o is refused', (options, message) => {
  expect(() => createCompression(options)).toThrow(message)
})
