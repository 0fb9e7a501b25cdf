/** `hono-sse serve`: starts a hub. Its flags override environment variables. */
import { type Command, Option } from 'commander'
import { variableGroups } from '../server/config/descriptions.ts'
import { type Config, defaults, variables } from '../server/config.ts'
import type { ServerAdapter } from '../server/run.ts'

const WIDTH = 100
const MARGIN = 10

/** Adds one flag per variable to a command, described in groups. */
export function withFlags(command: Command): Command {
  for (const [title, members] of Object.entries(variableGroups)) {
    for (const [name, meaning] of Object.entries(members)) {
      const option = new Option(usageOf(name as keyof Config), meaning)
      command.addOption(option.helpGroup(`${title}:`))
    }
  }
  return command
}

/** Runs a server until a signal ends it. @param flags - the parsed flags of the command */
export async function serve(flags: Readonly<Record<string, unknown>>): Promise<void> {
  // Imported on demand, so that the other commands do not load the server.
  const { run } = await import('../server/run.ts')
  await run(await runtimeAdapter(), {
    environment: { ...process.env, ...environmentOf(flags) },
    banner: true,
  })
}

/** Returns the flags in their groups, with their defaults, as short as can be. */
export function flagsSummary(): string {
  const groups = Object.entries(variableGroups).map(([title, members]) =>
    wrapped(
      title,
      Object.keys(members).map((name) => usageOf(name as keyof Config).replace(/ \[.*/, '')),
    ),
  )
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

function usageOf(name: keyof Config): string {
  if (typeof defaults[name] === 'boolean') return `${flagOf(name)} [true|false]`
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
