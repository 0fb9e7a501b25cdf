/** The journal in the documentation passes all checks, in two test runners, and survives restarts as its page says. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../../support/process.ts'
import { blocksIn, textOf } from './document.ts'
import { compile, openSandbox } from './sandbox.ts'

const files = Object.fromEntries(
  blocksIn(textOf('docs/journals.md')).flatMap(({ title, code }) => (title ? [[title, code]] : [])),
)

const FOR_NODE = files['file-journal.test.ts']?.replace("from 'vitest'", "from 'node:test'") ?? ''

/** Opens the journal, does what its argument says, and prints what is left. */
const RESTART = `
import { createFileJournal } from './file-journal.js'

const [path = '', data] = process.argv.slice(2)
const journal = createFileJournal(path, { maxEvents: 2, maxAgeMs: 60_000, maxBytes: 1_000_000 })
if (data) await journal.append('*', { data })
const { entries, gap } = await journal.read(['*'], data ? undefined : 'earliest', 1_000)
const texts = entries.map(({ frame }) => new TextDecoder().decode(frame))
console.log(JSON.stringify({ head: journal.head().id, texts, gap }))
await journal.close()
`

describe('the journal in a file', () => {
  const sandbox = openSandbox(undefined, {
    ...files,
    'checks.ts': FOR_NODE,
    'restart.ts': RESTART,
  })
  beforeAll(() => compile(sandbox))

  test('passes all checks in node --test', async () => {
    const report = await sandbox.run(process.execPath, '--test', 'checks.js')
    expect(report).toMatch(/^# pass [1-9]\d/m)
    expect(report).toMatch(/^# fail 0$/m)
  })

  test('passes all checks in Vitest', async () => {
    const vitest = join(ROOT, 'node_modules/.bin/vitest')
    const report = await sandbox.run(vitest, 'run', '--root', '.', 'file-journal.test.ts')
    expect(report).toMatch(/Tests .*[1-9]\d passed/)
    expect(report).not.toContain('failed')
  })

  test('keeps its events, ids and bounds over restarts', async () => {
    const path = join(sandbox.folder, 'kept')
    const first = await restart(path, 'one')
    expect(first.head).toMatch(/-1$/)
    await restart(path, 'two')
    await restart(path, 'three')
    const [epoch] = first.head.split('-')
    const { head, texts } = await restart(path)
    expect(head).toBe(`${epoch}-3`)
    expect(texts).toEqual([`id: ${epoch}-2\ndata: two\n\n`, `id: ${epoch}-3\ndata: three\n\n`])
  })

  test('starts a new epoch when its last line is not whole', async () => {
    const path = join(sandbox.folder, 'torn')
    const first = await restart(path, 'one')
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -3))
    const { head, texts } = await restart(path)
    expect(texts).toEqual([])
    expect(head).toMatch(/-0$/)
    expect(head.split('-')[0]).not.toBe(first.head.split('-')[0])
  })

  async function restart(path: string, ...data: string[]): Promise<Restarted> {
    return JSON.parse(await sandbox.run(process.execPath, 'restart.js', path, ...data))
  }
})

interface Restarted {
  readonly head: string
  readonly texts: readonly string[]
}
