/** The command line: what can be asked for, how, and how it ends. */
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { CliError } from './exit.ts'
import { type ListenFlags, listen } from './listen.ts'
import { type PublishFlags, publish, type TicketFlags, ticketOf } from './publish.ts'
import { flagsHelp, serve, withFlags } from './serve.ts'

const WIDTH = 100

const SERVE_HELP = `
Flags of serve are variables of its environment, which they win over: --port 3020 is PORT=3020.
The README says what each means; here with its default.

${flagsHelp()}
`
const ENDS = `
Secrets in flags can be seen by every user of the machine (ps): prefer the environment.
Exit codes: 0 done, 1 refused, 2 usage or configuration, 69 unavailable, 77 no right.`

/** Runs the command that the arguments name. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args)
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    console.error(`hono-sse: ${error.message}`)
    process.exitCode = error.exitCode
  }
}

function program(): Command {
  const version = versionHere()
  const root = new Command('hono-sse')
    .description('A hub for server-sent events.')
    .version(version)
    .configureOutput({ getOutHelpWidth: () => WIDTH, getErrHelpWidth: () => WIDTH })
    // Commander's own code for wrong usage is 1, which here means that a hub has refused.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .showHelpAfterError('hono-sse --help says how it is used.')
    .addHelpText('after', SERVE_HELP + ENDS)

  withFlags(root.command('serve', { isDefault: true }))
    .description('start a server (the default)')
    .addHelpText('after', SERVE_HELP)
    .action((flags) => serve(flags, version))

  rights(root.command('listen'))
    .description('print what a client gets, and come back when the line is cut')
    .argument('<url>', 'the hub, like localhost:3020')
    .option('--client <id>', 'whom to listen as')
    .option('--topic <name>', 'a topic to follow; may be given several times', collect)
    .option('--last-event-id <id>', 'where to go on; "earliest" for all that is kept')
    .option('--json', 'one JSON object a line: {"id","event","data"}')
    .addOption(new Option('--ticket <ticket>', 'listen with a ticket').env('HUB_TICKET'))
    .action((url, flags, command) => quietly(() => listen(url, chosen(flags, command))))

  rights(root.command('publish'))
    .description('publish one event, and print the receipt')
    .argument('<url>', 'the hub, like localhost:3020')
    .argument('<data>', 'the data of the event, or - for what stdin holds')
    .option('--client <id>', 'to one client')
    .option('--topic <name>', 'to who follows a topic')
    .option('--broadcast', 'to everyone')
    .option('--event <name>', 'name the event')
    .option('--json', 'the data is JSON, not text')
    .option('--ephemeral', 'only to who is connected now')
    .action((url, data, flags, command) =>
      quietly(() => publish(url, data, chosen(flags, command))),
    )

  rights(root.command('ticket'))
    .description('print a ticket, with which a page may listen')
    .argument('<url>', 'the hub, like localhost:3020')
    .requiredOption('--client <id>', 'whom it lets listen')
    .option('--topic <name>', 'a topic that it covers; may be given several times', collect)
    .option('--grant-seconds <seconds>', 'how long the stream and its reconnects may last', Number)
    .action((url, flags, command) => quietly(() => printTicket(url, chosen(flags, command))))

  return root
}

/** Flags that show a right, and where they are safe from other users' eyes. */
function rights(command: Command): Command {
  return command
    .addOption(new Option('--key <key>', 'a publish key').env('PUBLISH_KEY'))
    .addOption(new Option('--token <token>', 'a JWT').env('HUB_TOKEN'))
}

const RIGHTS = ['ticket', 'token', 'key'] as const

/** The flags with one right at the most: one that was typed, before one of the environment. */
function chosen<Flags extends ListenFlags | PublishFlags | TicketFlags>(
  flags: Flags,
  command: Command,
): Flags {
  const given = { ...flags } as Record<string, unknown>
  const typed = RIGHTS.find((name) => command.getOptionValueSource(name) === 'cli')
  const only = typed ?? RIGHTS.find((name) => given[name])
  for (const name of RIGHTS) if (name !== only) delete given[name]
  return given as Flags
}

async function printTicket(url: string, flags: TicketFlags): Promise<void> {
  console.log(await ticketOf(url, flags))
}

/** Runs what writes for another program, which may have had enough: then this one has, too. */
function quietly(work: () => Promise<void>): Promise<void> {
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(0)
  })
  return work()
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}

function versionHere(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
