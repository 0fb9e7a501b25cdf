/** Publishes one event, or gets one ticket, with one request. */
import { buffer } from 'node:stream/consumers'
import { CliError, EXIT } from './exit.ts'
import { fieldsOf, firstKey, post, publishPath } from './remote.ts'

/** What stands for the right to publish. */
export interface Credentials {
  readonly key?: string | undefined
  readonly token?: string | undefined
}

/** The flags of `publish`. */
export interface PublishFlags extends Credentials {
  readonly client?: string
  readonly topic?: string
  readonly broadcast?: true
  readonly event?: string
  readonly json?: true
  readonly ephemeral?: true
}

/** Publishes, and prints the receipt. @param data - the event's data, or `-` for what stdin holds */
export async function publish(hub: string, data: string, flags: PublishFlags): Promise<void> {
  const url = publishPath(hub, ...addressOf(flags))
  const text = data === '-' ? await stdin() : data
  const { event, ephemeral } = flags
  const body = { data: flags.json ? parsed(text) : text, event, ephemeral }
  console.log(await post(url, body, credentialOf(flags)))
}

/** The flags of `ticket`. */
export interface TicketFlags extends Credentials {
  readonly client: string
  readonly topic?: readonly string[]
  readonly grantSeconds?: number
}

/** Gets a ticket. @throws {CliError} */
export async function ticketOf(hub: string, flags: TicketFlags): Promise<string> {
  const { client, topic: topics, grantSeconds } = flags
  const body = { client, topics, grantSeconds }
  const answer = await post(publishPath(hub, 'tickets'), body, credentialOf(flags))
  const { ticket } = fieldsOf(answer)
  if (typeof ticket !== 'string') throw new CliError(EXIT.refused, 'The answer holds no ticket.')
  return ticket
}

function credentialOf({ key, token }: Credentials): string | undefined {
  return token || (key && firstKey(key))
}

function addressOf({ client, topic, broadcast }: PublishFlags): string[] {
  const addresses = [
    ...(client === undefined ? [] : [['clients', client]]),
    ...(topic === undefined ? [] : [['topics', topic]]),
    ...(broadcast ? [['broadcast']] : []),
  ]
  const [address] = addresses
  if (address && addresses.length === 1) return address
  throw new CliError(
    EXIT.usage,
    'Say whom it is for with one of --client, --topic and --broadcast.',
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CliError(EXIT.usage, 'The data is not JSON; without --json it goes out as it is.')
  }
}

/** All of stdin but the line break at its end, which is the shell's. */
async function stdin(): Promise<string> {
  const bytes = await buffer(process.stdin)
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return text.replace(/\r?\n$/, '')
  } catch {
    throw new CliError(EXIT.usage, 'What stdin holds is not UTF-8.')
  }
}
