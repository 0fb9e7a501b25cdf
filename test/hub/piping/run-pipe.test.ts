/** A pipe reads its source no faster than its events are stored. */
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { type PipeSource, runPipe } from '../../../src/hub/piping/run-pipe.ts'

test('the next chunk is not requested before the events of the last one are stored and sent', async () => {
  const steps: string[] = []
  async function* source() {
    for (const n of [1, 2]) {
      steps.push(`read ${n}`)
      yield `data: ${n}a\n\ndata: ${n}b\n\n`
    }
  }
  const end = await runPipe({
    source: source(),
    fields: {},
    maxEventBytes: 100,
    signal: new AbortController().signal,
    startTurn: () => async (event) => {
      steps.push(`publish ${event.data}`)
      await Promise.resolve()
      steps.push(`stored ${event.data}`)
      return `e-${event.data}`
    },
    flushed: async () => void steps.push('flushed'),
    onWait: (isWaiting) => void (isWaiting && steps.push('wait')),
  })
  expect(end).toEqual({ published: 4, id: 'e-2b', ending: 'complete' })
  expect(steps).toEqual([
    ...['wait', 'read 1', 'publish 1a', 'stored 1a', 'publish 1b', 'stored 1b', 'flushed'],
    ...['wait', 'read 2', 'publish 2a', 'stored 2a', 'publish 2b', 'stored 2b', 'flushed', 'wait'],
  ])
})

/** Runs a pipe that publishes into a list. */
function run(source: PipeSource, signal = new AbortController().signal) {
  const published: unknown[] = []
  const turns: number[] = []
  const ended = runPipe({
    source,
    fields: {},
    maxEventBytes: 100,
    signal,
    startTurn: () => {
      turns.push(0)
      return async ({ data }) => {
        turns[turns.length - 1] = (turns.at(-1) ?? 0) + 1
        published.push(data)
        return undefined
      }
    },
    flushed: async () => {},
  })
  return { ended, published, turns }
}

test.each([
  ['text', 'data:\n\n'.repeat(20_000)],
  ['bytes', new TextEncoder().encode('data:\n\n'.repeat(20_000))],
])('a chunk with many events is published in turns: %s', async (_, chunk) => {
  const { ended, published, turns } = run([chunk])
  expect(await ended).toEqual({ published: 20_000, ending: 'complete', id: undefined })
  expect(published).toHaveLength(20_000)
  expect(Math.max(...turns)).toBe(512)
})

test('an abort ends a pipe between two events of one chunk', async () => {
  const abort = new AbortController()
  const published: unknown[] = []
  const end = await runPipe({
    source: ['data: 1\n\ndata: 2\n\ndata: 3\n\n'],
    fields: {},
    maxEventBytes: 100,
    signal: abort.signal,
    startTurn:
      () =>
      async ({ data }) => {
        published.push(data)
        if (data === '2') abort.abort({ ending: 'closing', error: 'why' })
        return undefined
      },
    flushed: async () => {},
  })
  expect(published).toEqual(['1', '2'])
  expect(end).toEqual({ published: 2, ending: 'closing', error: 'why' })
})

test('what is whole in a chunk is published before a line in it that never ends', async () => {
  const { ended, published } = run([`data: 1\n\ndata: 2\n\ndata: ${'x'.repeat(9_000)}`])
  expect(await ended).toMatchObject({ published: 2, ending: 'refused' })
  expect(published).toEqual(['1', '2'])
})

function locked(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>()
  stream.getReader()
  return stream
}

const throws: Iterator<string> = {
  next: () => {
    throw new Error('no next')
  },
}

test.each([
  ['has another reader', locked()],
  ['throws', { [Symbol.iterator]: () => throws } as Iterable<string>],
])('a source that %s is broken', async (_, source) => {
  expect(await run(source).ended).toMatchObject({ published: 0, ending: 'broken' })
})

test('a source is ended whatever its iterator returns, and a Node stream at once', async () => {
  const abort = new AbortController()
  const silent = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: () => ({ done: true, value: undefined }),
    }),
  }
  const stream = new Readable({ read: () => {} })
  const ends = [run(silent as never, abort.signal).ended, run(stream, abort.signal).ended]
  abort.abort()
  expect(await Promise.all(ends)).toMatchObject([{ ending: 'aborted' }, { ending: 'aborted' }])
  expect(stream.destroyed).toBe(true)
})
