/** Reading ahead: what arrives meanwhile becomes one chunk, within a bound. */
import { expect, test } from 'vitest'
import { readAhead } from '../../../../src/adapters/cloudflare/piping/read-ahead.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A source that the test sends chunks of. */
function setUp() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const stream = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own
    },
  })
  const reader = stream.getReader()
  const counted = { reads: 0 }
  const read = readAhead(() => {
    counted.reads += 1
    return reader.read() as Promise<IteratorResult<Uint8Array, unknown>>
  })
  return {
    read,
    counted,
    send: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    end: () => controller?.close(),
    fail: () => controller?.error(new Error('ECONNRESET')),
  }
}

async function textOf(chunk: Promise<IteratorResult<Uint8Array, unknown>>): Promise<string> {
  return new TextDecoder().decode((await chunk).value as Uint8Array)
}

test('chunks that arrive between two reads are one, and the end comes after them', async () => {
  const { read, send, end, counted } = setUp()
  await turn()
  expect(counted.reads).toBe(0)
  const first = read()
  send('a')
  expect(await textOf(first)).toBe('a')
  for (const text of ['b', '', 'c']) send(text)
  await turn()
  send('d')
  await turn()
  end()
  await turn()
  expect(await textOf(read())).toBe('bcd')
  for (let time = 0; time < 2; time += 1) expect(await read()).toMatchObject({ done: true })
})

test('an error comes after what was whole before it', async () => {
  const { read, send, fail } = setUp()
  const first = read()
  send('a')
  await first
  send('b')
  await turn()
  fail()
  await turn()
  expect(await textOf(read())).toBe('b')
  for (let time = 0; time < 2; time += 1) await expect(read()).rejects.toThrow('ECONNRESET')
})

test('a source that is faster is read as far as 64 KiB ahead', async () => {
  let reads = 0
  const read = readAhead(async () => {
    reads += 1
    return { value: new Uint8Array(16_384) }
  })
  const lengths: number[] = []
  for (let time = 0; time < 3; time += 1) {
    lengths.push(((await read()).value as Uint8Array).length)
    await turn()
    expect(reads).toBe(lengths.reduce((sum, length) => sum + length, 0) / 16_384 + 4)
  }
  expect(lengths.slice(1)).toEqual([65_536, 65_536])
})

test('a chunk that is larger than 64 KiB is read in parts', async () => {
  const { read, send, end } = setUp()
  const text = Array.from({ length: 40_000 }, (_, n) => `${n}\n`).join('')
  for (const part of [text, 'a', 'b']) send(part)
  end()
  const parts: Uint8Array[] = []
  for (;;) {
    const { done, value } = await read()
    if (done) break
    parts.push(value as Uint8Array)
  }
  expect(new TextDecoder().decode(Buffer.concat(parts))).toBe(`${text}ab`)
  expect(Math.max(...parts.map(({ length }) => length))).toBe(65_536)
})
