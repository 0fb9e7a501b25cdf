/** Tests mirror the source tree, and two source files share neither a name nor an export. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Sources } from './support/architecture.ts'
import {
  duplicates,
  SHARED_EXPORTS,
  SHARED_FILE_NAMES,
  unmirrored,
} from './support/architecture-names.ts'

const ROOT = new URL('../', import.meta.url)
const PATHS = pathsBelow('src').filter((path) => !path.endsWith('.generated.ts'))
const SOURCES: Sources = Object.fromEntries(
  PATHS.map((path) => [path, readFileSync(new URL(path, ROOT), 'utf8')]),
)

function pathsBelow(folder: 'src' | 'test'): string[] {
  return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts'))
}

test('every test has its source file, and every source folder its tests', () => {
  const tests = pathsBelow('test').filter((path) => path.endsWith('.test.ts'))
  expect(tests).toContain('test/hub/hub.test.ts')
  expect(unmirrored(PATHS, tests)).toEqual([])
})

test('a test without a source file, or a source folder without a test, is reported', () => {
  const sources = ['src/hub/hub.ts', 'src/core/event.ts']
  const tests = ['test/hub/hub.drain.test.ts', 'test/hub/gone.test.ts', 'test/old/hub.test.ts']
  expect(unmirrored(sources, tests)).toEqual([
    'test/hub/gone.test.ts has no source file src/hub/gone.ts',
    'test/old/hub.test.ts has no source file src/old/hub.ts',
    'src/core has no test folder',
  ])
  expect(unmirrored(sources, ['test/hub/hub.test.ts', 'test/core/event.framing.test.ts'])).toEqual(
    [],
  )
})

test('no two source files share a name, and no name is exported twice', () => {
  expect(duplicates(SOURCES)).toEqual([])
})

test('every listed exception is needed', () => {
  const needed = duplicates(SOURCES, {}, {}).map((line) => line.split(' ')[0])
  const listed = [...Object.keys(SHARED_FILE_NAMES), ...Object.keys(SHARED_EXPORTS)]
  expect(listed.filter((name) => !needed.includes(name))).toEqual([])
})

test('a shared name is reported, unless it is listed', () => {
  const sources = {
    'src/hub/words.ts': 'export function take() {}\nexport interface Row {}',
    'src/http/words.ts': 'export const take = 1\nconst Row = 2',
    'src/dashboard/table.ts': 'export type Row = 1',
    'src/server/list.ts': 'const own = 1\nexport { own as Row }',
    'src/node.ts': '',
    'src/server/node.ts': '',
    'src/hub/index.ts': 'export { take } from "./words.ts"',
    'src/http/index.ts': '',
  }
  expect(duplicates(sources)).toEqual([
    'words is the name of src/http/words.ts, src/hub/words.ts',
    'take is exported by src/http/words.ts, src/hub/words.ts',
    'Row is exported by src/dashboard/table.ts, src/hub/words.ts, src/server/list.ts',
  ])
})
