/** Where tests belong, and which names a source tree may use once only. */
import { basename, dirname } from 'node:path/posix'
import type { Sources } from './architecture.ts'

/** Folders of test/ that mirror no folder of src/. */
const NOT_MIRRORED = ['system', 'faults', 'support', 'bench']

/** Test files that belong to no source file, and why. */
const WITHOUT_SOURCE: Readonly<Record<string, string>> = {
  'test/architecture.test.ts': 'its subject is the whole source tree',
  'test/architecture.names.test.ts': 'its subject is the whole source tree',
  'test/architecture.packages.test.ts': 'its subject is the whole source tree',
}

/** Source folders without a test folder, and why. */
const WITHOUT_TESTS: Readonly<Record<string, string>> = {
  'src/adapters/bun': 'vitest runs on Node; test/system/behaviour/bun.test.ts runs it on Bun',
  'src/adapters/deno': 'vitest runs on Node; test/system/behaviour/deno.test.ts runs it on Deno',
  'src/journal/redis/scripts/keyed': 'the same',
  'src/journal/redis/scripts': 'the scripts run inside Redis; test/journal/redis calls them there',
}

/** Base names that several source files share, and why. */
export const SHARED_FILE_NAMES: Readonly<Record<string, string>> = {
  index: 'the file that a folder exports from',
  access: 'how a host sets access control up, and how the configuration does',
  adapter: 'one for each runtime',
  server: 'one for each runtime',
  serve: 'one for each runtime, chosen by export conditions, and the command',
  stream: 'how a route opens a stream, and a stream of the dashboard',
  journal: 'the contract, and one for each place where events are kept',
  store: 'one for each place where events are kept',
  options: 'the options of the hub, and those of the Redis journal',
  connection: 'a connection to a client, and one to Redis',
  errors: 'the errors of the core, and the HTTP errors of authorization',
  metrics: 'what the hub counts, and the route that reports it',
  publish: 'the route, and the command that calls it',
  tickets: 'how tickets are issued and checked, and the route for it',
  requests: 'schemas of HTTP requests, and control requests between instances',
}

/** Names that several source files export, and why. */
export const SHARED_EXPORTS: Readonly<Record<string, string>> = {
  serve: 'one for each runtime, chosen by export conditions',
  Hub: 'the hub, and the class of its Durable Object, whose name is part of deployed migrations',
}

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let|enum) (\w+)/gm

/** A list of exports. `a as b` in it is a new name; a name that is passed on unchanged is not. */
const EXPORT_LIST = /^export (?:type )?\{[^}]*\}/gm

/** Tests without a source file, and source folders without tests. Paths start with `src/` or `test/`. */
export function unmirrored(sources: readonly string[], tests: readonly string[]): string[] {
  const mirrored = tests.filter((path) => !NOT_MIRRORED.includes(path.split('/')[1] ?? ''))
  const folders = new Set(mirrored.flatMap((path) => foldersAbove(path)))
  return [
    ...mirrored
      .filter((path) => !sources.includes(sourceOf(path)) && !WITHOUT_SOURCE[path])
      .map((path) => `${path} has no source file ${sourceOf(path)}`),
    ...[...new Set(sources.map((path) => dirname(path)))]
      .filter((folder) => !folders.has(folder.replace(/^src/, 'test')) && !WITHOUT_TESTS[folder])
      .map((folder) => `${folder} has no test folder`),
  ]
}

/** Names that two source files share although no exception allows it. */
export function duplicates(
  sources: Sources,
  fileNames: Readonly<Record<string, string>> = SHARED_FILE_NAMES,
  exports: Readonly<Record<string, string>> = SHARED_EXPORTS,
): string[] {
  const paths = Object.keys(sources)
  const inside = paths.filter((path) => dirname(path) !== 'src')
  const files = groupBy(inside.map((path) => [basename(path, '.ts'), path]))
  const names = groupBy(
    paths.flatMap((path) => exportsOf(sources[path] ?? '').map((name) => [name, path] as const)),
  )
  return [
    ...shared(files, fileNames, 'is the name of'),
    ...shared(names, exports, 'is exported by'),
  ]
}

function exportsOf(source: string): string[] {
  const lists = [...source.matchAll(EXPORT_LIST)].join()
  const names = [...source.matchAll(EXPORT), ...lists.matchAll(/ as (\w+)/g)]
  return names.map(([, name = '']) => name)
}

function shared(
  groups: ReadonlyMap<string, ReadonlySet<string>>,
  exceptions: Readonly<Record<string, string>>,
  verb: string,
): string[] {
  return [...groups]
    .filter(([name, paths]) => paths.size > 1 && !Object.hasOwn(exceptions, name))
    .map(([name, paths]) => `${name} ${verb} ${[...paths].sort().join(', ')}`)
}

function groupBy(pairs: readonly (readonly [string, string])[]): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>()
  for (const [name, path] of pairs) groups.set(name, (groups.get(name) ?? new Set()).add(path))
  return groups
}

/** `test/hub/replay.gap.test.ts` tests an aspect of `src/hub/replay.ts`. */
function sourceOf(test: string): string {
  const name = basename(test).split('.')[0] ?? ''
  return `${dirname(test).replace(/^test/, 'src')}/${name}.ts`
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path)
  return folder === '.' ? [] : [folder, ...foldersAbove(folder)]
}
