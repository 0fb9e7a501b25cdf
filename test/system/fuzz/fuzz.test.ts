/** The fuzz runner repeats the requests of its seed, and finds nothing wrong with them. */
import { expect, test } from 'vitest'
import { startProcess } from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { MODES } from '../hardening/invariants.ts'
import { fuzz } from './fuzz.ts'

const RUNNER = 'test/system/fuzz/fuzz.ts'

test('a thousand requests of a fixed seed find nothing, in any access mode', async () => {
  const modes = Object.keys(MODES)
  const report = await fuzz({ seed: 1, seconds: 60, count: 1_250, modes, say: () => {} })
  expect(report.counterexample).toBeUndefined()
  expect(report.requests).toBe(1_250)
})

test('the command prints its seed and the number of requests, and exits with 0', async () => {
  const run = bun('--count', '100', '--seed', '7')
  expect(await run.exit).toBe(0)
  expect(run.lines).toContain('seed 7')
  expect(run.lines.join('\n')).toMatch(/^100 requests in [\d.]+ s, \d+ per second$/m)
})

test('the command refuses invalid arguments and exits with 2', async () => {
  const run = bun('--seed', 'lucky')
  expect(await run.exit).toBe(2)
  expect(run.stderr).toContain('--seed is a whole number')
})

function bun(...args: string[]) {
  return startProcess({ file: COMMANDS.bun.file, args: ['run', RUNNER, ...args] }, {})
}
