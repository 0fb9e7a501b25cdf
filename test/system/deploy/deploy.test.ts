/** The container’s health check and the systemd unit say of the server what is true of it. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { describe, expect, test } from 'vitest'
import { defaults } from '../../../src/server/config.ts'
import { type Environment, startProcess, startServer } from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'

const DOCKERFILE = readFileSync('Dockerfile', 'utf8')
const UNIT = 'deploy/hono-sse.service'

describe('the health check of the Dockerfile', () => {
  const [, words = '[]'] = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(DOCKERFILE) ?? []
  const [, ...args] = JSON.parse(words) as string[]

  /** Its exit code, in the environment of a server. */
  function check(url: string, environment: Environment = {}): Promise<number | string> {
    const PORT = new URL(url).port
    return startProcess({ file: process.execPath, args }, { PORT, ...environment }).exit
  }

  test('exits with 0 while the server runs, and with 1 once it has stopped', async () => {
    const server = await startServer(COMMANDS.node, { PUBLISH_KEY: 'a-publish-key-of-the-tests' })
    expect(await check(server.url)).toBe(0)
    await server.kill()
    expect(await check(server.url)).toBe(1)
  })

  test('reaches a server with a self-signed certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hono-sse-'))
    const TLS_CERT = join(folder, 'cert.pem')
    const TLS_KEY = join(folder, 'key.pem')
    const pair = await generate([{ name: 'commonName', value: 'localhost' }])
    writeFileSync(TLS_CERT, pair.cert)
    writeFileSync(TLS_KEY, pair.private)
    const server = await startServer(COMMANDS.node, { TLS_CERT, TLS_KEY })
    expect(await check(server.url, { TLS_CERT })).toBe(0)
    expect(await check(server.url)).toBe(1)
    await server.kill()
    rmSync(folder, { recursive: true })
  })
})

describe('npm start without TypeScript, as npm ci leaves it with NODE_ENV=production,', () => {
  /** Runs it in a folder with `package.json` and these files. */
  function npmStart(files: Readonly<Record<string, string>>) {
    const folder = mkdtempSync(join(tmpdir(), 'hono-sse-'))
    cpSync('package.json', join(folder, 'package.json'))
    mkdirSync(join(folder, 'dist'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const env = { ...process.env, NODE_ENV: 'production' }
    const ended = spawnSync('npm', ['start'], { cwd: folder, env, encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    return ended
  }

  test('says how to build', () => {
    const { status, stderr } = npmStart({})
    expect(status).toBe(1)
    expect(stderr).toContain('TypeScript is not installed')
    expect(stderr).toContain('npm ci --include=dev')
    expect(stderr).not.toContain('tsc: not found')
  })

  test('starts what is built', () => {
    const { status, stdout } = npmStart({ 'dist/node.js': 'console.log("it runs")' })
    expect(stdout).toContain('it runs')
    expect(status).toBe(0)
  })
})

test('the container starts the server itself, so that signals reach it, and not as root', () => {
  expect(DOCKERFILE).toMatch(/^CMD \["node", "dist\/node\.js"\]$/m)
  expect(DOCKERFILE).toMatch(/^USER node$/m)
})

test('the container refuses to start without a key', async () => {
  const [, HOST = ''] = /^ENV .*\bHOST=(\S+)/m.exec(DOCKERFILE) ?? []
  const { exit } = startProcess(COMMANDS.node, { HOST })
  expect(await exit).toBe(2)
})

describe('the unit', () => {
  const unit = readFileSync(UNIT, 'utf8')
  const numberOf = (name: string) => Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(unit)?.[1])

  test('allows time for the drain, and file descriptors for all connections', () => {
    expect(numberOf('TimeoutStopSec')).toBeGreaterThan(defaults.DRAIN_SECONDS + 5)
    expect(numberOf('LimitNOFILE')).toBeGreaterThan(defaults.MAX_CONNECTIONS)
  })

  const isMissing = spawnSync('systemd-analyze', ['--version']).status !== 0
  const skips = isMissing && !process.env.CI
  if (skips) console.warn('systemd-analyze is not installed: what needs it is skipped.')

  test.skipIf(skips).each([
    ['valid', ['verify']],
    ['secure', ['security', '--offline=yes', '--threshold=20']],
  ])('is %s, says systemd-analyze', (_, args) => {
    const { status, stderr } = spawnSync('systemd-analyze', [...args, UNIT], { encoding: 'utf8' })
    expect({ status, stderr }).toMatchObject({ status: 0 })
  })
})
