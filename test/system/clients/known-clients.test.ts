/** What known clients do, observed with real hubs, is what the table in docs/clients.md says. */
import { spawnSync } from 'node:child_process'
import { afterAll, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser } from '../../support/chromium.ts'
import { blocksIn, textOf } from '../docs/document.ts'
import { KNOWN_CLIENTS, type KnownClient } from './known-clients.ts'
import { observe } from './observe.ts'
import { observeHubs } from './observed-hub.ts'

afterAll(closeBrowser)
const hub = observeHubs()

const HAS_GO = spawnSync('go', ['version']).status === 0

describe.concurrent('the table', () => {
  // Not every contributor has Go: its recipe runs where Go is installed.
  const clients = KNOWN_CLIENTS.filter(({ where }) => where !== 'go' || HAS_GO)
  for (const client of clients) {
    const missing = missingFor(client)
    const name = `${client.name} does what the table says${missing && ` (skipped: ${missing} is not installed)`}`
    test.skipIf(missing)(name, async ({ onTestFinished }) => {
      const slug = client.name.replace(/\W+/g, '-').replace(/^-|-$/g, '')
      const seen = await observe(hub, client, slug, onTestFinished)
      const row = [seen.names, seen.resumes, seen.retry, seen.silence]
      const statuses = [seen.bye, seen.blocked, seen.denied, seen.tooMany, seen.unavailable]
      expect(`| ${[client.name, ...row, ...statuses].join(' | ')} |`).toBe(rowOf(client.name))
    })
  }
})

interface CodeTraits {
  readonly where: KnownClient['where']
  /** It can't see the status of a refusal. */
  readonly neverStops?: true
  /** It waits in its own way after a lost connection. */
  readonly ownWait?: true
}

/** Where the code of each client runs, and what is special about it. */
const CODE: Readonly<Record<string, CodeTraits>> = {
  'fetch-event-source.js': { where: 'page' },
  'event-source-plus.js': { where: 'node', ownWait: true },
  'launchdarkly-eventsource.js': { where: 'node' },
  'sse.js': { where: 'page' },
  'reconnecting-eventsource.js': { where: 'page', neverStops: true },
}

describe.concurrent('the code on the page', () => {
  const blocks = blocksIn(textOf('docs/clients.md')).filter(({ title }) => title !== undefined)

  test('is for each client that needs some', () => {
    expect(blocks.map(({ title }) => title).sort()).toEqual(Object.keys(CODE).sort())
  })

  for (const { title = '', code } of blocks) {
    const { where = 'page', neverStops, ownWait } = CODE[title] ?? {}
    const missing = missingFor({ where, name: title, code })
    const name = `${title} returns and stops when it should${missing && ` (skipped: ${missing} is not installed)`}`
    test.skipIf(missing)(name, async ({ onTestFinished }) => {
      const refused = neverStops ? 'returns' : 'stops'
      expect(
        await observe(
          hub,
          { name: title, where, code },
          `code-${title.slice(0, -3)}`,
          onTestFinished,
        ),
      ).toEqual({
        names: expect.stringMatching(/all|listed/),
        resumes: 'yes',
        retry: ownWait ? 'no' : 'yes',
        waits: 'yes',
        silence: 'yes',
        bye: 'returns',
        blocked: refused,
        denied: refused,
        tooMany: 'returns',
        unavailable: 'returns',
      })
    })
  }
})

/** What a client needs and this machine lacks; an empty string if it has everything. */
function missingFor({ where, code }: KnownClient): string {
  if (where === 'page') return CHROMIUM_IS_MISSING ? 'Chromium' : ''
  if (where === 'python') return isMissing('python3') ? 'Python' : ''
  return code.includes("spawn('curl'") && isMissing('curl') ? 'curl' : ''
}

/** Nothing may be missing in CI. */
function isMissing(command: string): boolean {
  return spawnSync(command, ['--version']).error !== undefined && !process.env.CI
}

function rowOf(name: string): string | undefined {
  return textOf('docs/clients.md')
    .split('\n')
    .find((line) => line.startsWith(`| ${name} |`))
}
