/** Open files are counted without listing them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openFilesCounter } from '../../../src/server/process/open-files.ts'

/** Whether the size of the folder is the number of its entries: on Linux 6.2 or later. */
const IS_COUNTED = (statSync('/proc/self/fd', { throwIfNoEntry: false })?.size ?? 0) > 0

test('the count is that of the list, and grows with each file, where the system counts', async () => {
  const [before, after] = [await filesOfCat(0), await filesOfCat(3)]
  if (!IS_COUNTED) return expect([before.counted, after.counted]).toEqual([undefined, undefined])
  expect(before.counted?.open).toBe(before.listed)
  expect(after.counted).toEqual({ open: before.listed + 3, max: before.counted?.max })
  expect(before.counted?.max).toBeGreaterThan(before.listed)
})

test('nothing is counted where the system has no such folder', () => {
  expect(openFilesCounter('/no/such/folder')()).toBeUndefined()
})

/** The open files of another process, which opens none meanwhile: the workers of this one do. */
async function filesOfCat(extra: number) {
  const child = spawn('cat', { stdio: Array<'pipe'>(3 + extra).fill('pipe') })
  // It has opened all its files once it repeats what it reads.
  child.stdin?.write('ready')
  if (child.stdout) await once(child.stdout, 'data')
  const counted = openFilesCounter(`/proc/${child.pid}`)()
  const folder = `/proc/${child.pid}/fd`
  const listed = existsSync(folder) ? readdirSync(folder).length : 0
  child.kill()
  return { counted, listed }
}
