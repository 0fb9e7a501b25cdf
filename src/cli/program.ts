/** The command line of hono-sse: its commands, flags and help. */
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { doctor } from './doctor/doctor.ts'
import { CliError, EXIT } from './exit.ts'
import { listen, tail } from './listen.ts'
import { disconnect, printClients } from './operate.ts'
import { type Credentials, publish, requestTicket, type TicketFlags } from './publish.ts'
import { publishBatch } from './publish-batch.ts'
import { DEFAULT_TIMEOUT } from './remote.ts'
import { flagsSummary, serve, withFlags } from './serve.ts'

const WIDTH = 100

const SERVE_HELP = `
Flags of serve override the environment variables of the same name: --port 3020 is PORT=3020.
Defaults are in angle brackets.`
const FLAGS = ` hono-sse serve --help describes each flag.

${flagsSummary()}
`
const NOTES = `
Every user of the machine can see secrets in flags (ps): prefer environment variables.
Exit codes: 0 success, 1 refused, 2 wrong usage, 69 unavailable, 74 output failed,
75 the event may have been stored, 77 forbidden.`

/** Runs the command in the arguments. */
export async function main(args: readonly string[]): Promise<void> {
  // A message that can't be written must not end the command, nor change its exit code.
  process.stderr.on('error', () => {})
  try {
    await program(args[2]).parseAsync(args)
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    console.error(`hono-sse: ${error.message}`)
    process.exitCode = error.exitCode
  }
}

/** @param first - the first argument: a word that is no command must not start a server, but be corrected */
function program(first = '-'): Command {
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
    .addHelpText('after', SERVE_HELP + FLAGS + NOTES)

  withFlags(root.command('serve', { isDefault: first.startsWith('-') }))
    .description('start a hub (the default command)')
    .addHelpText('after', SERVE_HELP)
    .action((flags) => serve(flags))

  withCredentials(root.command('listen'))
    .description(
      'print the events that a client receives and reconnect when the connection is lost',
    )
    .argument('<url>', 'the hub, for example localhost:3020')
    .option('--client <id>', 'the client to listen as')
    .option(
      '--topic <name>',
      "a topic to follow, or a pattern such as 'orders/*'; repeatable",
      collect,
    )
    .option(
      '--last-event-id <id>',
      'replay events after this id; "earliest" replays all that are stored',
    )
    .option('--json', 'print one JSON object per line: {"id","event","data","topic"}')
    .addOption(new Option('--ticket <ticket>', 'listen with a ticket').env('HUB_TICKET'))
    .action((url, flags, command) =>
      whileWritable(() => listen(url, withOneCredential(flags, command))),
    )

  withCredentials(root.command('tail'))
    .description('print the events of topics, with the topic of each')
    .argument('<url>', 'the hub, for example localhost:3020')
    .argument('<topics...>', "the topics to follow, or patterns such as 'orders/*'")
    .option('--last-event-id <id>', 'replay events after this id; "earliest": all that are stored')
    .option('--json', 'print one JSON object per line: {"id","event","data","topic"}')
    .action((url, topics, flags, command) =>
      whileWritable(() => tail(url, topics, withOneCredential(flags, command))),
    )

  withTimeout(withCredentials(root.command('publish')))
    .description('publish one event, or many, and print the results')
    .argument('<url>', 'the hub, for example localhost:3020')
    .argument('<data>', 'the data of the event; with --batch, a file; or - to read it from stdin')
    .option('--client <id>', 'publish to one client')
    .option('--topic <name>', 'publish to a topic')
    .option('--broadcast', 'publish to everyone')
    .option('--event <name>', 'the name of the event')
    .option('--json', 'the data is JSON, not text')
    .option('--ephemeral', 'deliver to current connections only, without storing the event')
    .option('--event-key <key>', 'what the event is about, for --replace and --retain')
    .option('--replace', 'earlier events with the same key are no longer replayed')
    .option('--retain', 'replace others, and send the event to each new stream first')
    .option(
      '--idempotency-key <key>',
      'store the event once, however often the command is run with this key (default: a new one)',
    )
    .option('--batch', 'publish an event for each line of JSON: {"to","data","idempotencyKey"…}')
    .action((url, data, flags, command) => {
      const run = flags.batch ? publishBatch : publish
      return whileWritable(() => run(url, data, withOneCredential(flags, command)))
    })

  withTimeout(withCredentials(root.command('ticket')))
    .description('print a ticket that lets a page open a stream')
    .argument('<url>', 'the hub, for example localhost:3020')
    .requiredOption('--client <id>', 'the client that the ticket is for')
    .option(
      '--topic <name>',
      'a topic or a pattern that the client may follow; repeatable',
      collect,
    )
    .option(
      '--grant-seconds <seconds>',
      'seconds that the stream and its reconnects may last',
      Number,
    )
    .action((url, flags, command) =>
      whileWritable(() => printTicket(url, withOneCredential(flags, command))),
    )

  withTimeout(withCredentials(root.command('clients')))
    .description('list the connected clients')
    .argument('<url>', 'the hub, for example localhost:3020')
    .option('--client <id>', 'list the connections of one client')
    .option('--topic <name>', 'list the connections that follow a topic or a pattern')
    .option('--limit <rows>', 'rows to list, up to 10000 (default: 1000)')
    .option('--json', 'print the response of the hub')
    .action((url, flags, command) =>
      whileWritable(() => printClients(url, withOneCredential(flags, command))),
    )

  withTimeout(withCredentials(root.command('disconnect')))
    .description('end all connections of a client and print the result')
    .argument('<url>', 'the hub, for example localhost:3020')
    .argument('<client>', 'the client')
    .option('--block <seconds>', 'also refuse the client for that long, up to 86400')
    .action((url, client, flags, command) =>
      whileWritable(() => disconnect(url, client, withOneCredential(flags, command))),
    )

  withTimeout(withCredentials(root.command('doctor')))
    .description('report what is between this machine and a hub, and how to mend it')
    .argument('<url>', 'the hub as clients reach it, for example https://hub.example.com')
    .option(
      '--origin <origin>',
      'the origin of a page that listens, for example https://app.example',
    )
    .option('--json', 'print one JSON object per line: {"check","outcome","seen","remedies"}')
    .action((url, flags, command) =>
      whileWritable(() => doctor(url, withOneCredential(flags, command))),
    )

  return root
}

/** Adds the flags for credentials, and the environment variables that hide them from other users. */
function withCredentials(command: Command): Command {
  return command
    .addOption(new Option('--key <key>', 'a publish key').env('PUBLISH_KEY'))
    .addOption(new Option('--token <token>', 'a JWT').env('HUB_TOKEN'))
}

function withTimeout(command: Command): Command {
  const help = `seconds within which the hub must respond (default: ${DEFAULT_TIMEOUT})`
  return command.option('--timeout <seconds>', help, toSeconds)
}

/** A timer of more than 24 days would fire at once. */
const MAX_TIMEOUT = 86_400

function toSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds > 0 && seconds <= MAX_TIMEOUT) return seconds
  throw new InvalidArgumentError(`It must be a number of seconds up to ${MAX_TIMEOUT}.`)
}

const CREDENTIALS = ['ticket', 'token', 'key'] as const

/** Removes all credentials but one. A flag takes precedence over an environment variable. */
function withOneCredential<Flags extends Credentials>(flags: Flags, command: Command): Flags {
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
