/** Starts a server whose flags are the variables of its environment. */
import { type Command, Option } from 'commander'
import { type Config, defaults, variables } from '../server/config.ts'
import type { ServerAdapter } from '../server/run.ts'
import { bannerOf } from './banner.ts'

/** Whom a flag concerns, for the help; the last takes what no other has. */
const GROUPS: readonly (readonly [title: string, names: RegExp])[] = [
  ['Where', /^(PORT|HOST|TLS_)/],
  ['Who may', /^(PUBLISH_KEY|JW|ALLOW_|CORS_|TRUST_)/],
  ['Journal', /^(JOURNAL_|REDIS_)/],
  ['Bounds', /^MAX_|_PER_MINUTE$/],
  ['Times', /_(SECONDS|MS)$/],
  ['More', /^/],
]

const WIDTH = 100
const MARGIN = 10

/** Gives a command one flag for each variable. */
export function withFlags(command: Command): Command {
  for (const name of variables) {
    const value = isSwitch(name) ? '[true|false]' : '<value>'
    command.addOption(new Option(`${flagOf(name)} ${value}`).hideHelp())
  }
  return command
}

/** Runs until a signal ends it. @param flags - as the command has read them */
export async function serve(
  flags: Readonly<Record<string, unknown>>,
  version: string,
): Promise<void> {
  // Loaded only here: who just publishes need not wait for a server's parts.
  const { run } = await import('../server/run.ts')
  await run(await doorHere(), {
    environment: { ...process.env, ...environmentOf(flags) },
    onListening: (facts) => console.error(bannerOf(facts, version)),
  })
}

/** The flags by groups, with their defaults. */
export function flagsHelp(): string {
  const left = new Set(variables)
  const groups = GROUPS.map(([title, names]) => {
    const members = [...left].filter((name) => names.test(name))
    for (const name of members) left.delete(name)
    return packed(title, members.map(usageOf))
  })
  return groups.join('\n')
}

/** The door of the runtime that this runs on. */
async function doorHere(): Promise<ServerAdapter> {
  if ('Bun' in globalThis) return (await import('../adapters/bun/adapter.ts')).bunAdapter()
  if ('Deno' in globalThis) return (await import('../adapters/deno/adapter.ts')).denoAdapter()
  return (await import('../adapters/node/adapter.ts')).nodeAdapter()
}

function environmentOf(flags: Readonly<Record<string, unknown>>): Record<string, string> {
  const given = variables.flatMap((name) => {
    const value = flags[new Option(flagOf(name)).attributeName()]
    return value === undefined ? [] : [[name, String(value)] as const]
  })
  return Object.fromEntries(given)
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

/** A title in the margin, and beside it as many items on a line as fit. */
function packed(title: string, items: readonly string[]): string {
  const lines = ['']
  for (const item of items) {
    const longer = [lines.at(-1), item].filter(Boolean).join('  ')
    if (longer.length > WIDTH - MARGIN) lines.push(item)
    else lines[lines.length - 1] = longer
  }
  return lines.map((line, i) => (i === 0 ? title : '').padEnd(MARGIN) + line).join('\n')
}
