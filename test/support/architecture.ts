/** The rules of the source tree as a function, so that a test can show that each of them can fail. */
import { dirname, join } from 'node:path/posix'

/** Files by their path below the root: `src/hub/hub.ts` → its text. */
export type Sources = Readonly<Record<string, string>>

interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

const MAX_LINES = 250
const MAX_FILES = 15
const ENTRY_POINTS = ['node', 'bun', 'deno', 'worker']
const ADAPTERS = ['adapters/node', 'adapters/bun', 'adapters/deno', 'adapters/cloudflare']
const JOURNALS = ['journal/memory', 'journal/sqlite', 'journal/redis', 'journal/ipc']
const CONFORMANCE = 'journal/conformance'
const BELOW_SERVER = ['http', 'hub', 'journal', ...JOURNALS, 'core']

/** The other parts that the files of each part may import; a part may always import from itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  journal: ['core'],
  'journal/memory': ['journal', 'core'],
  'journal/sqlite': ['journal', 'core'],
  'journal/redis': ['journal', 'core'],
  'journal/ipc': ['journal', 'core'],
  [CONFORMANCE]: ['journal', 'journal/memory', 'core'],
  hub: ['journal', 'journal/memory', 'core'],
  http: ['hub', 'journal', 'core'],
  tracing: ['hub', 'core'],
  compression: ['core'],
  webhooks: ['core'],
  server: ['tracing', 'webhooks', ...BELOW_SERVER],
  ...Object.fromEntries(ADAPTERS.map((part) => [part, ['server', 'compression', ...BELOW_SERVER]])),
  entry: ADAPTERS.concat('server'),
  index: BELOW_SERVER,
  cli: [...ADAPTERS, 'server', 'http', 'compression', 'client', 'core'],
  client: ['core'],
  dashboard: ['client'],
}

/** Parts that run on any runtime: they may use neither its globals nor its modules. */
const PORTABLE = [
  'core',
  'journal',
  ...JOURNALS,
  CONFORMANCE,
  'hub',
  'http',
  'index',
  'client',
  'tracing',
  'webhooks',
]

/** Parts that depend on no package. */
const WITHOUT_PACKAGES = [
  'core',
  'journal',
  'journal/memory',
  'journal/ipc',
  CONFORMANCE,
  'hub',
  'webhooks',
]

/** Parts whose time is a parameter. */
const WITHOUT_TIME = PORTABLE

/** Parts that may import only types from another: what they need at run time is handed to them. */
const ONLY_TYPES: Readonly<Record<string, string>> = { cli: 'http' }

/** Strings, templates, regular expressions and comments, so that none is mistaken for another. */
const TOKEN =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=(?:[=(,:;!&|?+{}[]|return|=>)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g
const IMPORT =
  /(?:^|[\n;])\s*(?:import|export)\s+(type\s)?([^'"`;]*?\bfrom\s*)?(['"])([^'"\n]+)\3|\bimport\s*\(\s*(['"])([^'"\n]+)\5/g

/** A sentence for each violation; none when every rule is kept. */
export function violations(sources: Sources): string[] {
  const own = Object.entries(sources).flatMap(([path, text]) => [
    ...shape(path, text),
    ...reach(path, text),
    ...arrows(path, text),
  ])
  return [...own, ...largeFolders(sources), ...circles(sources)]
}

function largeFolders(sources: Sources): string[] {
  const files = new Map<string, number>()
  for (const path of Object.keys(sources)) {
    files.set(dirname(path), (files.get(dirname(path)) ?? 0) + 1)
  }
  const large = [...files].filter(([, count]) => count > MAX_FILES)
  return large.map(([folder, count]) => `${folder} has ${count} files`)
}

function shape(path: string, text: string): string[] {
  const broken: string[] = []
  if (!/^(?:#![^\n]*\n)?\/\*\*\s+\S/.test(text)) broken.push(`${path} opens without a doc comment`)
  const lines = text.trimEnd().split('\n').length
  if (lines > MAX_LINES) broken.push(`${path} has ${lines} lines`)
  return broken
}

/** What a part may not use: a runtime, or time. */
function reach(path: string, text: string): string[] {
  const part = partOf(path)
  const broken: string[] = []
  const code = codeOf(text)
  const portable = PORTABLE.includes(part)
  const runtime = /(?<![.\w$])process\b(?!\s*[:(])|\b(?:Bun|Deno)\s*\./.exec(code)
  if (portable && runtime) broken.push(`${path} touches the runtime: ${runtime[0]}`)
  const timed = WITHOUT_TIME.includes(part) && path !== 'src/core/clock.ts'
  const time = /(?<![.\w$])(?:Date|set(?:Timeout|Interval|Immediate))\b/.exec(code)
  if (timed && time) broken.push(`${path} touches time: ${time[0]}`)
  for (const { specifier } of importsOf(text)) {
    if (portable && /^(?:node|cloudflare):/.test(specifier)) {
      broken.push(`${path} touches the runtime: ${specifier}`)
    }
  }
  return broken
}

function arrows(path: string, text: string): string[] {
  const part = partOf(path)
  return importsOf(text).flatMap(({ specifier, typeOnly }) => {
    if (!specifier.startsWith('.')) {
      return WITHOUT_PACKAGES.includes(part) ? [`${path} imports a package: ${specifier}`] : []
    }
    const target = resolve(path, specifier)
    const other = partOf(target)
    if (other === part && part !== 'entry') return []
    if (!MAY_IMPORT[part]?.includes(other)) return [`${path} must not import ${target}`]
    if (ONLY_TYPES[part] === other && !typeOnly) {
      return [`${path} may import only types from ${target}`]
    }
    return []
  })
}

function circles(sources: Sources): string[] {
  const done = new Set<string>()
  const broken: string[] = []
  for (const path of Object.keys(sources)) walk(path, [])
  return broken

  function walk(path: string, way: readonly string[]): void {
    if (way.includes(path)) {
      broken.push(`a circle: ${[...way.slice(way.indexOf(path)), path].join(' → ')}`)
      return
    }
    if (done.has(path)) return
    for (const { specifier } of importsOf(sources[path] ?? '')) {
      if (specifier.startsWith('.')) walk(resolve(path, specifier), [...way, path])
    }
    done.add(path)
  }
}

/** `src/journal/redis/scripts/read.ts` is in the part `journal/redis`, `src/http/routes/sse.ts` in `http`. */
function partOf(path: string): string {
  const [, first = '', second, third] = path.split('/')
  const name = first.replace(/\.ts$/, '')
  if (second === undefined) return ENTRY_POINTS.includes(name) ? 'entry' : name
  const divided = first === 'adapters' || first === 'journal'
  return divided && third !== undefined ? `${first}/${second}` : first
}

function resolve(path: string, specifier: string): string {
  return join(dirname(path), specifier)
}

function importsOf(text: string): Import[] {
  const bare = text.replace(TOKEN, (token) => (/^\/[*/]/.test(token) ? ' ' : token))
  return [...bare.matchAll(IMPORT)].map((match) => ({
    specifier: match[4] ?? match[6] ?? '',
    typeOnly: match[1] !== undefined || onlyTypes(match[2] ?? ''),
  }))
}

/** `{ type A, type B } from` imports types only, too. */
function onlyTypes(clause: string): boolean {
  const names = /^\{([^}]*)\}\s*from\s*$/.exec(clause)?.[1]
  if (names === undefined) return false
  return names.split(',').every((name) => name.trim() === '' || /^\s*type\s/.test(name))
}

/** The text without comments and without what only stands in quotes. */
function codeOf(text: string): string {
  return text.replace(TOKEN, (token) => {
    if (!token.startsWith('`')) return ' '
    return [...token.matchAll(/\$\{([^}]*)\}/g)].map(([, expression]) => expression).join(' ')
  })
}
