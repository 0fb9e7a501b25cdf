/** The rules of the house as a function, so that it can be shown that they can be broken. */
import { dirname, join } from 'node:path/posix'

/** Files by their path below the root: `src/hub/hub.ts` → its text. */
export type Sources = Readonly<Record<string, string>>

interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

const MAX_LINES = 250
const STARTS = ['node', 'bun', 'deno', 'worker']

/** What each part of the house may see of its own files; of another part listed, all of it. */
const MAY_SEE: Readonly<Record<string, readonly string[]>> = {
  cli: ['command'],
  command: ['command', 'doors', 'server', 'http'],
  start: ['doors', 'server', 'streams', 'http', 'journal', 'hub'],
  doors: ['server', 'streams', 'http'],
  front: ['streams', 'http', 'journal', 'hub'],
  server: ['server', 'streams', 'http', 'journal', 'hub'],
  streams: ['streams', 'http', 'hub'],
  http: ['http', 'hub'],
  journal: ['journal', 'hub'],
  hub: ['hub'],
  page: ['page'],
}

/** Strings, templates, regular expressions and comments, so that none is mistaken for another. */
const TOKEN =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=(?:[=(,:;!&|?+{}[]|return|=>)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g
const IMPORT =
  /(?:^|[\n;])\s*(?:import|export)\s+(type\s)?([^'"`;]*?\bfrom\s*)?(['"])([^'"\n]+)\3|\bimport\s*\(\s*(['"])([^'"\n]+)\5/g

/** Every rule that is broken, in words; none for a house in order. */
export function violations(sources: Sources): string[] {
  const own = Object.entries(sources).flatMap(([path, text]) => [
    ...shape(path, text),
    ...reach(path, text),
    ...arrows(path, text),
  ])
  return [...own, ...circles(sources)]
}

function shape(path: string, text: string): string[] {
  const broken: string[] = []
  if (!/^(?:#![^\n]*\n)?\/\*\*\s+\S/.test(text)) broken.push(`${path} opens without a doc comment`)
  const lines = text.trimEnd().split('\n').length
  if (lines > MAX_LINES) broken.push(`${path} has ${lines} lines`)
  return broken
}

/** What a part may not touch: a runtime, or time. */
function reach(path: string, text: string): string[] {
  const zone = zoneOf(path)
  const broken: string[] = []
  const code = codeOf(text)
  const pure = ['front', 'http', 'journal', 'hub'].includes(zone)
  const runtime = /(?<![.\w$])process\b(?!\s*[:(])|\b(?:Bun|Deno)\s*\./.exec(code)
  if (pure && runtime) broken.push(`${path} touches the runtime: ${runtime[0]}`)
  const timed = (zone === 'hub' || zone === 'http') && path !== 'src/hub/clock.ts'
  const time = /(?<![.\w$])(?:Date|set(?:Timeout|Interval|Immediate))\b/.exec(code)
  if (timed && time) broken.push(`${path} touches time: ${time[0]}`)
  for (const { specifier } of importsOf(text)) {
    if (pure && /^(?:node|cloudflare):/.test(specifier)) {
      broken.push(`${path} touches the runtime: ${specifier}`)
    }
  }
  return broken
}

function arrows(path: string, text: string): string[] {
  const zone = zoneOf(path)
  return importsOf(text).flatMap(({ specifier, typeOnly }) => {
    if (!specifier.startsWith('.')) {
      return zone === 'hub' ? [`${path} sees a package: ${specifier}`] : []
    }
    const target = resolve(path, specifier)
    const other = zoneOf(target)
    if (!MAY_SEE[zone]?.includes(other)) return [`${path} must not see ${target}`]
    if (['streams', 'command'].includes(zone) && other === 'http' && !typeOnly) {
      return [`${path} may see only types of ${target}`]
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

function zoneOf(path: string): string {
  const [, zone = '', file] = path.split('/')
  if (file !== undefined) return zone
  const name = zone.replace(/\.ts$/, '')
  if (STARTS.includes(name)) return 'start'
  return name === 'index' ? 'front' : name
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
