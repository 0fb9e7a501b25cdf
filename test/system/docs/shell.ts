/** Runs the commands of a page as a reader would type them, against a hub elsewhere. */
import { spawnSync } from 'node:child_process'
import { afterAll, expect } from 'vitest'
import { type Process, ROOT, startProcess } from '../../support/process.ts'

/** Whether tests may skip curl: never where all must run. */
export const CURL_IS_MISSING: boolean =
  spawnSync('curl', ['--version']).error !== undefined && !process.env.CI

if (CURL_IS_MISSING) console.warn('curl is not installed: the commands of the pages are skipped.')

/** A name for a suite; it says so if the suite is skipped. */
export const WITH_CURL: string = CURL_IS_MISSING ? '(skipped: curl is not installed)' : 'with curl'

/** The commands of a block: one per line, without comments, sent to the host of a URL. */
export function commandsIn(block: string, url: string): string[] {
  return block
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').replaceAll('localhost:3020', new URL(url).host))
    .map((line) => line.replace(/^npx hono-sse/, `"${process.execPath}" dist/cli.js`))
    .filter((line) => line !== '')
}

/** Runs a command to its end and returns its output. */
export function shell(command: string, environment: Readonly<Record<string, string>> = {}): string {
  const env = { PATH: process.env.PATH, ...environment }
  const options = { cwd: ROOT, env, encoding: 'utf8', timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], options)
  expect({ command, status, stderr }).toMatchObject({ command, status: 0 })
  return stdout
}

const started: Process[] = []
afterAll(async () => {
  for (const one of started) await one.kill()
})

/** Starts a command that goes on until the tests of the file are done. */
export function startInBackground(
  command: string,
  environment: Readonly<Record<string, string>> = {},
): Process {
  const one = startProcess({ file: 'sh', args: ['-c', command] }, environment)
  started.push(one)
  return one
}
