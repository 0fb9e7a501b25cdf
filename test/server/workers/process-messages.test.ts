/** A worker learns from one variable which one it is. */
import { expect, test } from 'vitest'
import { workerNameIn, workerVariable } from '../../../src/server/workers/process-messages.ts'

test('a worker reads what the first process has written', () => {
  const worker = { name: '2', count: 4, port: 3020, version: '1.2.3-beta.1' }
  expect(workerNameIn(workerVariable(worker))).toEqual(worker)
})

test.each([undefined, '', '1', '1/2', '1/2:3', 'a/2:3 1.2.3'])(
  'a process is no worker with %j',
  (text) => {
    expect(workerNameIn({ HONO_SSE_WORKER: text })).toBeUndefined()
  },
)
