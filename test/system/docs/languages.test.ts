/** The recipes for other languages: their code in a program that publishes, and listens until it is stopped. */
import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import type { Process, Server } from '../../support/process.ts'
import { readEvents } from '../../support/reader.ts'
import {
  KEY,
  openSandbox,
  publishWithKey,
  type Sandbox,
  startRecipeHub,
  WITH_KEY,
} from './sandbox.ts'

/** Publishes to bob, then says line by line what its own client gets, as JSON. */
const PROGRAMS = {
  'main.py': `
import json
from hub import listen, publish

publish("/clients/bob", "hello from a program")
for event in listen("alice", ["news"]):
    print(json.dumps(event), flush=True)
`,
  'main.go': `package main

import ("context"; "encoding/json"; "log"; "os")

func main() {
	ctx := context.Background()
	if _, err := publish(ctx, "/clients/bob", "hello from a program"); err != nil {
		log.Fatal(err)
	}
	log.Fatal(listen(ctx, "alice", []string{"news"}, func(name, data string) {
		json.NewEncoder(os.Stdout).Encode([]string{name, data})
	}))
}
`,
}

const PYTHON_IS_MISSING = isMissing('python3', '--version') && !process.env.CI
if (PYTHON_IS_MISSING) console.warn('python3 is not installed: what needs it is skipped.')
const IN_PYTHON = PYTHON_IS_MISSING ? 'Python (skipped: it is not installed)' : 'Python'

describe.skipIf(PYTHON_IS_MISSING)(`in ${IN_PYTHON}`, () => {
  behaviour(async () => ['python3', 'main.py'])
})

// Not every contributor has Go: its recipe runs where Go is installed.
if (!isMissing('go', 'version')) {
  describe('in Go', () => {
    behaviour(async ({ folder, run }) => {
      await run('go', 'build', '-o', 'program', 'hub.go', 'main.go')
      return [`${folder}/program`]
    })
  })
}

function behaviour(prepare: (sandbox: Sandbox) => Promise<[string, ...string[]]>): void {
  const sandbox = openSandbox('languages', PROGRAMS)
  let command: [string, ...string[]]
  let hub: Server
  beforeAll(async () => {
    command = await prepare(sandbox)
    hub = await startRecipeHub({ PUBLISH_KEY: KEY })
  })

  test('a program publishes, listens, and receives what it missed during an interruption', async () => {
    const headers = { ...WITH_KEY, 'Content-Type': 'application/json' }
    const body = JSON.stringify({ client: 'bob' })
    const issued = await fetch(`${hub.url}/tickets`, { method: 'POST', headers, body })
    const { ticket } = (await issued.json()) as { ticket: string }
    const bob = readEvents(await fetch(`${hub.url}/sse?ticket=${ticket}`))

    const program = sandbox.start({ HUB_URL: hub.url, PUBLISH_KEY: KEY }, ...command)
    await bob.next(({ data }) => data === 'hello from a program')
    await eventually(() => expect(namesIn(program)).toContain('hub:ready'))
    await publishWithKey(hub.url, '/clients/alice', { data: 'two\nlines: grün' })
    await publishWithKey(hub.url, '/topics/news', { data: { n: 1 }, event: 'number' })
    const first = [
      ['message', 'two\nlines: grün'],
      ['number', '{"n":1}'],
    ]
    await eventually(() => expect(published(program)).toEqual(first))

    await fetch(`${hub.url}/clients/alice`, { method: 'DELETE', headers: WITH_KEY })
    await publishWithKey(hub.url, '/clients/alice', { data: 'meanwhile' })
    await publishWithKey(hub.url, '/clients/carol', { data: 'for somebody else' })
    const second = [...first, ['message', 'meanwhile']]
    await eventually(() => expect(published(program)).toEqual(second))
    expect(namesIn(program).filter((name) => name === 'hub:ready')).toHaveLength(2)
    await bob.close()
  })

  test('a program with a wrong key exits, and prints the reason', async () => {
    const program = sandbox.start({ HUB_URL: hub.url, PUBLISH_KEY: 'not-the-key' }, ...command)
    expect(await program.exit).toBe(1)
    expect(program.stderr).toContain('401')
  })
}

function eventsIn({ lines, stderr }: Process): [name: string, data: string][] {
  expect(stderr).toBe('')
  return lines.map((line) => JSON.parse(line))
}

function namesIn(program: Process): string[] {
  return eventsIn(program).map(([name]) => name)
}

function published(program: Process): [name: string, data: string][] {
  return eventsIn(program).filter(([name]) => !name.startsWith('hub:'))
}

function isMissing(file: string, ...args: string[]): boolean {
  return spawnSync(file, args).status !== 0
}
