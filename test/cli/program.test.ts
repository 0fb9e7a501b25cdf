/** The help fits on a screen and forgets nothing. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { variables } from '../../src/server/config.ts'
import { run } from '../support/cli.ts'

describe.each([[[]], [['serve']], [['listen']], [['publish']], [['ticket']]])(
  '%j --help',
  (args) => {
    test('fits on one screen, and exits with 0', async () => {
      const { stdout, stderr, exit } = await run([...args, '--help'])
      expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
      const lines = stdout.trimEnd().split('\n')
      expect(lines.length).toBeLessThanOrEqual(45)
      expect(lines.filter((line) => line.length > 100)).toEqual([])
    })
  },
)

test.each([[[]], [['serve']]])('%j --help names a flag for each variable, once', async (args) => {
  const { stdout } = await run([...args, '--help'])
  const flags = variables.map((name) => `--${name.toLowerCase().replaceAll('_', '-')}`)
  const named = stdout
    .match(/^ {10}.*$|^[A-Z][\w ]{1,8} +--.*$/gm)
    ?.join(' ')
    .match(/--[\w-]+/g)
  expect(named?.sort()).toEqual(flags.sort())
})

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(await run(['--version'])).toEqual({ stdout: `${version}\n`, stderr: '', exit: 0 })
})

test.each([
  [['--prot', '1'], /unknown option '--prot'/],
  [['lisen', 'localhost:3020'], /too many arguments|unknown command/],
  [['listen'], /missing required argument 'url'/],
  [['publish', 'localhost:3020'], /missing required argument 'data'/],
  [['ticket', 'localhost:3020'], /required option '--client <id>'/],
  [['publish', 'localhost:3020', 'hello'], /one of --client, --topic and --broadcast/],
  [['publish', 'localhost:3020', 'hello', '--client', 'a', '--broadcast'], /one of --client/],
  [['publish', 'localhost:3020', '{', '--broadcast', '--json'], /not JSON/],
  [['listen', 'http://'], /must look like http/],
  [['listen', 'ftp://x'], /must look like http/],
  [['listen', 'http://user:pass@localhost'], /^(?!.*pass@).*credential/],
  [['publish', 'localhost:1', 'x', '--client', '..'], /not valid names/],
  [['listen', 'localhost:3020', '--key', 'a-key-of-16-chars'], /--client is required/],
])('%j is wrong usage, and exits with 2', async (args, words) => {
  const { stdout, stderr, exit } = await run(args)
  expect(stderr).toMatch(words)
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 2 })
})
