/** `hono-sse serve`: starts a hub. Its flags override environment variables. */
import { type Command, Option } from 'commander'
import { type Config, defaults, variables } from '../server/config.ts'
import type { ServerAdapter } from '../server/run.ts'
import { bannerOf } from './banner.ts'

/** The groups of flags in the help. The last one contains all flags that match no other. */
const GROUPS: readonly (readonly [title: string, names: RegExp])[] = [
  ['Server', /^(PORT|HOST|TLS_)/],
  ['Access', /^(PUBLISH_KEY|JW|ALLOW_|CORS_|TRUST_)/],
  ['Journal', /^(JOURNAL_|REDIS_)/],
  ['Limits', /^MAX_|_PER_MINUTE$/],
  ['Timing', /_(SECONDS|MS)$/],
  ['Other', /^/],
]

const WIDTH = 100
const MARGIN = 10

/** Adds one flag per variable to a command. */
export function withFlags(command: Command): Command {
  for (const name of variables) {
    const value = isSwitch(name) ? '[true|false]' : '<value>'
    command.addOption(new Option(`${flagOf(name)} ${value}`).hideHelp())
  }
  return command
}

/** Runs a server until a signal ends it. @param flags - the parsed flags of the command */
export async function serve(
  flags: Readonly<Record<string, unknown>>,
  version: string,
): Promise<void> {
  // Imported on demand, so that the other commands do not load the server.
  const { run } = await import('../server/run.ts')
  await run(await runtimeAdapter(), {
    environment: { ...process.env, ...environmentOf(flags) },
    onListening: (info) => console.error(bannerOf(info, version)),
  })
}

/** Returns the help for the flags, in groups, with their defaults. */
export function flagsHelp(): string {
  const ungrouped = new Set(variables)
  const groups = GROUPS.map(([title, names]) => {
    const members = [...ungrouped].filter((name) => names.test(name))
    for (const name of members) ungrouped.delete(name)
    return wrapped(title, members.map(usageOf))
  })
  return groups.join('\n')
}

/** Loads the adapter of the runtime that this process runs on. */
async function runtimeAdapter(): Promise<ServerAdapter> {
  if ('Bun' in globalThis) return (await import('../adapters/bun/adapter.ts')).bunAdapter()
  if ('Deno' in globalThis) return (await import('../adapters/deno/adapter.ts')).denoAdapter()
  return (await import('../adapters/node/adapter.ts')).nodeAdapter()
}

function environmentOf(flags: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = variables.flatMap((name) => {
    const value = flags[new Option(flagOf(name)).attributeName()]
    return value === undefined ? [] : [[name, String(value)] as const]
  })
  return Object.fromEntries(entries)
}

function flagOf(name: keyof Config): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`
}

function isSwitch(name: keyof Config): boolean {
  return typeof defaults[name] === 'boolean'
}

function usageOf(name: keyof Config): string {
  if (isSwitch(name)) return flagOf(name)
  return `${flagOf(name)} <${String(defaults[name] ?? '') || '…'}>`
}

/** Formats a title in the margin and the items next to it, wrapped to the width of the help. */
function wrapped(title: string, items: readonly string[]): string {
  const lines = ['']
  for (const item of items) {
    const longer = [lines.at(-1), item].filter(Boolean).join('  ')
    if (longer.length > WIDTH - MARGIN) lines.push(item)
    else lines[lines.length - 1] = longer
  }
  return lines.map((line, i) => (i === 0 ? title : '').padEnd(MARGIN) + line).join('\n')
}
