/** Who listens to a stream later receives first what is retained. */
import { expect, test } from 'vitest'
import {
  createRetainedValues,
  type ListenedStream,
} from '../../../src/client/components/retained-values.ts'
import type { ReceivedEvent } from '../../../src/client/stream-types.ts'

function createStream() {
  const any = new Set<(event: ReceivedEvent) => void>()
  const gaps = new Set<() => void>()
  const stream = {
    on: () => () => {},
    onAny: (listener) => {
      any.add(listener)
      return () => void any.delete(listener)
    },
    onGap: (listener) => {
      gaps.add(listener as () => void)
      return () => {}
    },
    onStatus: () => () => {},
  } satisfies ListenedStream
  const errors: unknown[] = []
  const values = createRetainedValues(stream, (error) => void errors.push(error))
  return {
    errors,
    values,
    lose: () => gaps.forEach((listener) => void listener()),
    send: (event: Partial<ReceivedEvent>) => {
      for (const listener of any) listener({ event: 'message', data: '', ...event })
    },
  }
}

test('the newest value of each key comes first, in the order of their publishing', async () => {
  const { values, send } = createStream()
  send({ topic: 'a', key: 'x', data: '1', retained: true })
  send({ topic: 'a', key: 'y', data: '2', retained: true })
  send({ topic: 'b', key: 'x', data: '3', retained: true })
  send({ topic: 'a', key: 'x', data: '4', retained: true })
  send({ topic: 'a', data: 'no value' })
  send({ topic: 'b', key: 'x', data: '' })
  const all: string[] = []
  const named: string[] = []
  const { onAny, on } = values.startOf()
  onAny(({ data }) => void all.push(data))
  on('message', (data) => void named.push(data as string))
  on('other', (data) => void named.push(data as string))
  expect(all).toEqual([])
  await undefined
  send({ data: 'live' })
  expect(all).toEqual(['2', '4', 'live'])
  expect(named).toEqual(['2', '4'])
})

test('after a gap nothing is known of what is retained', async () => {
  const { values, send, lose } = createStream()
  send({ key: 'x', data: '1', retained: true })
  lose()
  send({ key: 'y', data: '2', retained: true })
  const all: string[] = []
  values.startOf().onAny(({ data }) => void all.push(data))
  await undefined
  expect(all).toEqual(['2'])
})

test('a listener that stops receives no more, and one that throws costs nothing', async () => {
  const { errors, values, send } = createStream()
  for (const key of ['x', 'y', 'z']) send({ key, data: key, retained: true })
  const all: string[] = []
  const { onAny } = values.startOf()
  onAny(() => {
    throw 'fails'
  })
  const stop = onAny(({ data }) => {
    all.push(data)
    if (data === 'y') stop()
  })
  await undefined
  expect(all).toEqual(['x', 'y'])
  expect(errors).toEqual(['fails', 'fails', 'fails'])
})
