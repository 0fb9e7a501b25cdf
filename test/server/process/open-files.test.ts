/** Open files are counted without listing them. */
import { closeSync, openSync, readdirSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openFilesCounter } from '../../../src/server/process/open-files.ts'

/** Whether the size of the folder is the number of its entries: on Linux 6.2 or later. */
const IS_COUNTED = (statSync('/proc/self/fd', { throwIfNoEntry: false })?.size ?? 0) > 0

test('the count is that of the list, and grows with each file, where the system counts', () => {
  const count = openFilesCounter()
  const before = count()
  if (!IS_COUNTED) return expect(before).toBeUndefined()
  // The list has the descriptor of its own folder, too.
  expect(before?.open).toBe(readdirSync('/proc/self/fd').length - 1)
  const opened = [1, 2, 3].map(() => openSync('/dev/null', 'r'))
  expect(count()).toEqual({ open: (before?.open ?? 0) + 3, max: before?.max })
  for (const file of opened) closeSync(file)
  expect(before?.max).toBeGreaterThan(before?.open ?? 0)
})

test('nothing is counted where the system has no such folder', () => {
  expect(openFilesCounter('/no/such/folder')()).toBeUndefined()
})
