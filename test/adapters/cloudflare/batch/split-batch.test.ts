/** How the lines of a batch are sent to shards: to one first, and never more bytes at once than a Worker can hold. */
import { expect, test } from 'vitest'
import {
  BatchRefusal,
  createBatchSplitter,
} from '../../../../src/adapters/cloudflare/batch/split-batch.ts'
import { LateError } from '../../../../src/adapters/cloudflare/deadline.ts'
import { shardOf } from '../../../../src/adapters/cloudflare/sharding.ts'

const MAX_LINE_BYTES = 1_000_000

/** Shards that accept every line, unless `answer` responds differently. */
function setUp(count: number, answer: (shard: number) => Promise<Response | undefined>) {
  const calls: number[] = []
  const sent = { bytes: 0, most: 0, all: 0 }
  const splitter = (isAddressed: boolean) =>
    createBatchSplitter({
      count,
      isAddressed,
      maxLineBytes: MAX_LINE_BYTES,
      ask: async (shard, lines) => {
        calls.push(shard)
        sent.bytes += lines.byteLength
        sent.all += lines.byteLength
        sent.most = Math.max(sent.most, sent.bytes)
        // Others are sent meanwhile, if they are sent at once.
        const response = await new Promise<Response | undefined>((resolve, reject) => {
          setImmediate(() => answer(shard).then(resolve, reject))
        })
        sent.bytes -= lines.byteLength
        return response ?? new Response('{"id":"e-1","connections":1}\n'.repeat(linesIn(lines)))
      },
      report: () => {},
    })
  return { calls, sent, splitter }
}

function linesIn(bytes: Uint8Array): number {
  return new TextDecoder().decode(bytes).trim().split('\n').length
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const accept = async () => undefined
const LARGE = 'x'.repeat(900_000)
const CLIENTS = Array.from({ length: 256 }, (_, n) => `user-${n}`)

test.each([
  ['everyone', 'everyone'],
  ['many clients', { client: CLIENTS }],
])('lines for %s that one shard refuses are sent to no other', async (_, to) => {
  const { calls, splitter } = setUp(64, async () => new Response('{"status":401}', { status: 401 }))
  const lines = [1, 2].map((data) => encode({ to, data }))
  const refusal = await splitter(true)
    .publishAll(lines)
    .catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(BatchRefusal)
  expect((refusal as BatchRefusal).response.status).toBe(401)
  expect(calls).toEqual([0])
})

test('once a shard has accepted lines, those that follow are sent to all at once', async () => {
  const { calls, sent, splitter } = setUp(8, accept)
  const own = splitter(true)
  const line = encode({ to: 'everyone', data: 1 })
  await own.publishAll([line])
  expect(calls).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(sent.most).toBe(7 * (line.byteLength + 1))
  expect(await own.publishAll([line])).toMatchObject([{ connections: 8 }])
  expect(sent.most).toBe(8 * (line.byteLength + 1))
})

test.each([
  ['everyone', 'everyone'],
  ['many clients', { client: CLIENTS }],
])('large lines for %s are sent to a few shards at a time', async (_, to) => {
  const { calls, sent, splitter } = setUp(16, accept)
  const lines = [1, 2, 3, 4].map(() => encode({ to, data: LARGE }))
  const results = await splitter(true).publishAll(lines)
  expect(results).toMatchObject(Array(4).fill({ connections: 16 }))
  expect(calls.toSorted((one, other) => one - other)).toEqual([...Array(16).keys()])
  expect(sent.all).toBeGreaterThan(16 * 4 * LARGE.length)
  expect(sent.most).toBeGreaterThan(8 * LARGE.length)
  expect(sent.most).toBeLessThan(16_777_216)
})

test('a line that is too long goes to the first shard, which says so', async () => {
  const tooLarge = async () => new Response('{"line":1,"status":413}\n')
  for (const isAddressed of [false, true]) {
    const { calls, sent, splitter } = setUp(64, tooLarge)
    expect(await splitter(isAddressed).publishAll([undefined])).toEqual([{ status: 413 }])
    expect(calls).toEqual([0])
    expect(sent.all).toBe(MAX_LINE_BYTES + 2)
  }
})

test('a shard that was silent gets no further lines, and those were not published', async () => {
  const { calls, splitter } = setUp(2, async (shard) => {
    if (shard === 1) throw new LateError('a Durable Object did not respond')
    return undefined
  })
  const own = splitter(true)
  const client = CLIENTS.find((name) => shardOf(name, 2) === 1)
  const line = encode({ to: { client }, data: 1 })
  const [first] = await own.publishAll([line])
  expect(first).toMatchObject({ status: 503, detail: expect.stringMatching(/may have stored/) })
  expect(first).not.toHaveProperty('retryAfter')
  const further = await own.publishAll([line, encode({ to: 'everyone', data: 2 })])
  expect(further).toMatchObject([
    { status: 503, code: 'journal-unavailable', retryAfter: 2 },
    { status: 503, detail: expect.stringMatching(/^1 of 2 shards/) },
  ])
  expect(calls).toEqual([1, 0])
})
