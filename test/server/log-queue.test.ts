/** The log is bounded, drops and counts what it can't write, and never stops the hub. */
import { expect, test } from 'vitest'
import { createLogQueue } from '../../src/server/log-queue.ts'

/** A file that a test lets write, fail or hang. */
function openFile() {
  const written: string[] = []
  const waiting: { resolve(): void; reject(error: Error): void }[] = []
  const write = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      const text = new TextDecoder().decode(bytes)
      waiting.push({ resolve: () => resolve(void written.push(text)), reject })
    })
  const queue = createLogQueue(write, (count) => `dropped ${count}\n`)
  return { queue, written, waiting, runPending }

  async function runPending(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('lines are written in order, those of one turn in one write', async () => {
  const { queue, written, waiting, runPending } = openFile()
  queue.push('a\n')
  queue.push('b\n')
  await runPending()
  queue.push('c\n')
  await runPending()
  expect(waiting).toHaveLength(1)
  waiting[0]?.resolve()
  await runPending()
  waiting[1]?.resolve()
  await queue.flush()
  expect(written).toEqual(['a\nb\n', 'c\n'])
})

test('a full pipe drops lines, and their number is reported once it drains', async () => {
  const { queue, written, waiting, runPending } = openFile()
  const line = `${'x'.repeat(999)}\n`
  queue.push('first\n')
  await runPending()
  for (let n = 0; n < 1_000; n++) queue.push(line)
  waiting[0]?.resolve()
  await runPending()
  waiting[1]?.resolve()
  await queue.flush()
  const [, second = ''] = written
  const kept = second.split(line).length - 1
  expect(kept * line.length).toBeLessThanOrEqual(262_144)
  expect(kept).toBeGreaterThan(200)
  queue.push('last\n')
  await runPending()
  waiting[2]?.resolve()
  await queue.flush()
  expect(`${second}${written[2]}`).toContain(`dropped ${1_000 - kept}\n`)
})

test('a full disk drops lines, and their number is reported once there is room', async () => {
  const { queue, written, waiting, runPending } = openFile()
  queue.push('a\n')
  queue.push('b\n')
  await runPending()
  waiting[0]?.reject(new Error('ENOSPC'))
  await runPending()
  queue.push('c\n')
  await runPending()
  waiting[1]?.reject(new Error('ENOSPC'))
  await runPending()
  queue.push('d\n')
  await runPending()
  waiting[2]?.resolve()
  await queue.flush()
  expect(written).toEqual(['dropped 3\nd\n'])
})

test('flush resolves at once when nothing is queued', async () => {
  const { queue, written } = openFile()
  await queue.flush()
  expect(written).toEqual([])
})
