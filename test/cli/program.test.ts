/** The help fits on a screen and forgets nothing. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { defaults, variables } from '../../src/server/config.ts'
import { run } from '../support/cli.ts'

const COMMANDS = ['serve', 'listen', 'tail', 'publish', 'ticket', 'clients', 'disconnect', 'doctor']

const FLAGS = variables.map((name) => `--${name.toLowerCase().replaceAll('_', '-')}`)

describe.each([[[]], ...COMMANDS.map((name) => [[name]])])('%j --help', (args) => {
  test('fits on one screen, but for the flags of serve, and exits with 0', async () => {
    const { stdout, stderr, exit } = await run([...args, '--help'])
    expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(args[0] === 'serve' ? FLAGS.length + 20 : 45)
    expect(lines.filter((line) => line.length > 100)).toEqual([])
  })
})

test('--help names a flag for each variable, once', async () => {
  const { stdout } = await run(['--help'])
  const named = stdout
    .match(/^ {10}.*$|^[A-Z][\w ]{1,8} +--.*$/gm)
    ?.join(' ')
    .match(/--[\w-]+/g)
  expect(named?.sort()).toEqual(FLAGS.toSorted())
})

test.each([[['serve', '--help']], [['help', 'serve']]])(
  '%j describes the flag of each variable on a line of its own, with its default',
  async (args) => {
    const { stdout } = await run(args)
    for (const name of variables) {
      const flag = FLAGS[variables.indexOf(name)]
      const value = String(defaults[name] ?? '') || '…'
      const usage = defaults[name] === false ? `${flag} [true|false]` : `${flag} <${value}>`
      const line = stdout.split('\n').find((text) => text.startsWith(`  ${usage} `))
      expect(line?.slice(usage.length + 2)).toMatch(/^ {2,}\w/)
    }
  },
)

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(await run(['--version'])).toEqual({ stdout: `${version}\n`, stderr: '', exit: 0 })
})

test.each([
  [['--prot', '1'], /unknown option '--prot'/],
  [['lisen', 'localhost:3020'], /unknown command 'lisen'\n\(Did you mean listen\?\)/],
  [['listen', 'localhost:3020', '--topc', 'news'], /\(Did you mean --topic\?\)/],
  [['tail', 'localhost:3020'], /missing required argument 'topics'/],
  [['disconnect', 'localhost:3020'], /missing required argument 'client'/],
  [['clients', 'localhost:3020', '--client', 'a', '--topic', 'b'], /at most one of/],
  [['doctor', 'ftp://x'], /must look like http/],
  [['doctor', 'localhost:3020', '--timeout', '0'], /number of seconds/],
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

test.each(COMMANDS.filter((name) => name !== 'serve'))(
  '%s --help describes each flag',
  async (name) => {
    const { stdout } = await run([name, '--help'])
    const flags = stdout.split('Options:')[1]?.match(/^ {2}-.*/gm) ?? []
    expect(flags.length).toBeGreaterThan(3)
    // A long flag has its description on the same line.
    expect(flags.filter((line) => !/^ {2}-.*? {2,}\w/.test(line))).toEqual([])
  },
)
