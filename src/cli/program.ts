/** The command line of hono-sse: its commands, flags and help. */
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { CliError, EXIT } from './exit.ts'
import { type ListenFlags, listen } from './listen.ts'
import { type PublishFlags, publish, requestTicket, type TicketFlags } from './publish.ts'
import { flagsHelp, serve, withFlags } from './serve.ts'

const WIDTH = 100

const SERVE_HELP = `
Flags of serve override the environment variables of the same name: --port 3020 is PORT=3020.
The documentation describes each variable. Defaults are in angle brackets.

${flagsHelp()}
`
const NOTES = `
Every user of the machine can see secrets in flags (ps): prefer environment variables.
Exit codes: 0 success, 1 refused, 2 wrong usage, 69 unavailable, 74 output failed, 77 forbidden.`

/** Runs the command in the arguments. */
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
  const version = packageVersion()
  const root = new Command('hono-sse')
    .description(
      'Pushes events to browsers over Server-Sent Events: to one user in every open tab, to a topic, or to everyone.',
    )
    .version(version)
    .configureOutput({ getOutHelpWidth: () => WIDTH, getErrHelpWidth: () => WIDTH })
    // Commander exits with 1 for wrong usage, which here means that the hub refused the request.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .showHelpAfterError('Run hono-sse --help for usage.')
    .addHelpText('after', SERVE_HELP + NOTES)

  withFlags(root.command('serve', { isDefault: true }))
    .description('start a hub (the default command)')
    .addHelpText('after', SERVE_HELP)
    .action((flags) => serve(flags, version))

  withCredentials(root.command('listen'))
    .description(
      'print the events that a client receives and reconnect when the connection is lost',
    )
    .argument('<url>', 'the hub, for example localhost:3020')
    .option('--client <id>', 'the client to listen as')
    .option('--topic <name>', 'a topic to follow; repeatable', collect)
    .option(
      '--last-event-id <id>',
      'replay events after this id; "earliest" replays all that are stored',
    )
    .option('--json', 'print one JSON object per line: {"id","event","data"}')
    .addOption(new Option('--ticket <ticket>', 'listen with a ticket').env('HUB_TICKET'))
    .action((url, flags, command) =>
      whileWritable(() => listen(url, withOneCredential(flags, command))),
    )

  withCredentials(root.command('publish'))
    .description('publish one event and print the result')
    .argument('<url>', 'the hub, for example localhost:3020')
    .argument('<data>', 'the data of the event, or - to read it from stdin')
    .option('--client <id>', 'publish to one client')
    .option('--topic <name>', 'publish to a topic')
    .option('--broadcast', 'publish to everyone')
    .option('--event <name>', 'the name of the event')
    .option('--json', 'the data is JSON, not text')
    .option('--ephemeral', 'deliver to current connections only, without storing the event')
    .action((url, data, flags, command) =>
      whileWritable(() => publish(url, data, withOneCredential(flags, command))),
    )

  withCredentials(root.command('ticket'))
    .description('print a ticket that lets a page open a stream')
    .argument('<url>', 'the hub, for example localhost:3020')
    .requiredOption('--client <id>', 'the client that the ticket is for')
    .option('--topic <name>', 'a topic that the client may follow; repeatable', collect)
    .option(
      '--grant-seconds <seconds>',
      'seconds that the stream and its reconnects may last',
      Number,
    )
    .action((url, flags, command) =>
      whileWritable(() => printTicket(url, withOneCredential(flags, command))),
    )

  return root
}

/** Adds the flags for credentials, and the environment variables that hide them from other users. */
function withCredentials(command: Command): Command {
  return command
    .addOption(new Option('--key <key>', 'a publish key').env('PUBLISH_KEY'))
    .addOption(new Option('--token <token>', 'a JWT').env('HUB_TOKEN'))
}

const CREDENTIALS = ['ticket', 'token', 'key'] as const

/** Removes all credentials but one. A flag takes precedence over an environment variable. */
function withOneCredential<Flags extends ListenFlags | PublishFlags | TicketFlags>(
  flags: Flags,
  command: Command,
): Flags {
  const result = { ...flags } as Record<string, unknown>
  const fromFlag = CREDENTIALS.find((name) => command.getOptionValueSource(name) === 'cli')
  const used = fromFlag ?? CREDENTIALS.find((name) => result[name])
  for (const name of CREDENTIALS) if (name !== used) delete result[name]
  return result as Flags
}

async function printTicket(url: string, flags: TicketFlags): Promise<void> {
  console.log(await requestTicket(url, flags))
}

/** Runs a command that prints. Exits when the program that reads its output closes the pipe, or when it can't be written. */
function whileWritable(run: () => Promise<void>): Promise<void> {
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(0)
    console.error(`hono-sse: The output can’t be written (${code}).`)
    process.exit(EXIT.unwritable)
  })
  return run()
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}

function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
