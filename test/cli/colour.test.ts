/** Colours reach terminals that want them, and nothing else. */
import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { colour } from '../../src/cli/colour.ts'
import { CLI, startFile } from '../support/cli.ts'

afterEach(() => vi.unstubAllEnvs())

test.each([
  ['a terminal', true, {}, '\u001b[31mred\u001b[39m'],
  ['a pipe', false, {}, 'red'],
  ['NO_COLOR', true, { NO_COLOR: '1' }, 'red'],
  ['an empty NO_COLOR', true, { NO_COLOR: '' }, '\u001b[31mred\u001b[39m'],
  ['a terminal without colours', true, { TERM: 'dumb' }, 'red'],
])('%s', (_, isTTY, environment, expected) => {
  for (const [name, value] of Object.entries({ NO_COLOR: '', TERM: 'xterm', ...environment })) {
    vi.stubEnv(name, value)
  }
  expect(colour('red', 'red', { isTTY })).toBe(expected)
})

const MISSING = spawnSync('python3', ['--version']).status !== 0 && !process.env.CI

describe.skipIf(MISSING)(
  `on a terminal${MISSING ? ' (skipped: Python is not installed)' : ''}`,
  () => {
    const TERMINAL = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'

    async function examined(environment: Record<string, string>): Promise<string> {
      const args = ['-c', TERMINAL, process.execPath, CLI, 'doctor', '127.0.0.1:1']
      const { stdout } = await startFile('python3', args, { environment }).ended
      return stdout
    }

    test('the outcome of a check has a colour, unless NO_COLOR is set', async () => {
      const coloured = await examined({ NO_COLOR: '', TERM: 'xterm' })
      expect(coloured).toContain('\u001b[31mfault    \u001b[39mreach')
      expect(await examined({ NO_COLOR: '1', TERM: 'xterm' })).not.toContain('\u001b')
    })
  },
)
