/** `hono-sse publish` and `hono-sse ticket`: publish one event, or request one ticket. */
import { IDEMPOTENCY_KEY_RULE, isIdempotencyKey } from '../core/idempotency/idempotency-key.ts'
import { CliError, EXIT } from './exit.ts'
import { fieldsOf, firstKey, post, resultOf, routeUrl } from './remote.ts'
import { postOnce } from './repeat.ts'

/** A credential with the permission to publish. */
export interface Credentials {
  readonly key?: string | undefined
  readonly token?: string | undefined
}

/** A limit on the time that the hub takes. */
export interface Timeout {
  /** In seconds. @defaultValue {@link DEFAULT_TIMEOUT} */
  readonly timeout?: number
}

/** The flags of `publish`. */
export interface PublishFlags extends Credentials, Timeout {
  readonly client?: string
  readonly topic?: string
  readonly broadcast?: true
  readonly event?: string
  readonly json?: true
  readonly ephemeral?: true
  readonly eventKey?: string
  readonly replace?: true
  readonly retain?: true
  /** @defaultValue a random one; none for an ephemeral event */
  readonly idempotencyKey?: string
}

/** Publishes an event, once however often that is tried, and prints the result. @param input - the event's data, or `-` to read it from stdin */
export async function publish(hub: string, input: string, flags: PublishFlags): Promise<void> {
  const url = routeUrl(hub, ...pathOf(flags))
  const text = input === '-' ? await readStdin() : input
  const { event, ephemeral, eventKey: key, replace, retain, timeout } = flags
  const { idempotencyKey } = flags
  if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
    throw new CliError(EXIT.usage, `--idempotency-key ${IDEMPOTENCY_KEY_RULE}.`)
  }
  if (ephemeral && idempotencyKey !== undefined) {
    throw new CliError(EXIT.usage, 'An ephemeral event can’t have an idempotency key: omit one.')
  }
  const data = flags.json ? parseJson(text) : text
  const body = { data, event, ephemeral, key, replace, retain }
  const options = { credential: credentialOf(flags), timeout }
  const result = ephemeral
    ? await post(url, body, { ...options, stores: false })
    : await postOnce(url, body, { ...options, idempotencyKey })
  console.log(resultOf(result, 'connections'))
}

/** The flags of `ticket`. */
export interface TicketFlags extends Credentials, Timeout {
  readonly client: string
  readonly topic?: readonly string[]
  readonly grantSeconds?: number
}

/** Requests a ticket. @throws {CliError} */
export async function requestTicket(hub: string, flags: TicketFlags): Promise<string> {
  const { client, topic: topics, grantSeconds, timeout } = flags
  const body = { client, topics, grantSeconds }
  const options = { credential: credentialOf(flags), timeout, stores: false }
  const text = await post(routeUrl(hub, 'tickets'), body, options)
  const { ticket } = fieldsOf(text)
  if (typeof ticket === 'string') return ticket
  throw new CliError(EXIT.refused, 'The response contains no ticket.')
}

/** Returns the token, or the first of the keys. */
export function credentialOf({ key, token }: Credentials): string | undefined {
  return token || (key && firstKey(key))
}

/** Returns the path of the address that the flags name. @throws {CliError} `usage` unless it is exactly one */
export function pathOf({ client, topic, broadcast }: PublishFlags): string[] {
  const paths = [
    ...(client === undefined ? [] : [['clients', client]]),
    ...(topic === undefined ? [] : [['topics', topic]]),
    ...(broadcast ? [['broadcast']] : []),
  ]
  const [path] = paths
  if (path && paths.length === 1) return path
  throw new CliError(EXIT.usage, 'Specify exactly one of --client, --topic and --broadcast.')
}

function parseJson(text: string): unknown {
  let isTooLarge = false
  try {
    const value: unknown = JSON.parse(text, (_, part) => {
      if (part === Number.POSITIVE_INFINITY || part === Number.NEGATIVE_INFINITY) isTooLarge = true
      return part
    })
    if (!isTooLarge) return value
  } catch {
    throw new CliError(EXIT.usage, 'The data is not JSON. Without --json, it is sent as text.')
  }
  throw new CliError(
    EXIT.usage,
    'The data contains a number that is too large for JavaScript: send it as a string.',
  )
}

/** The maximum number of bytes of an event that any hub can be configured to accept. */
const MAX_INPUT_BYTES = 268_435_456

/** Reads stdin without the line break at its end, which usually comes from the shell. */
async function readStdin(): Promise<string> {
  const parts: Buffer[] = []
  let byteLength = 0
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    parts.push(part)
    byteLength += part.byteLength
    if (byteLength <= MAX_INPUT_BYTES) continue
    const message = `The input from stdin has more than ${MAX_INPUT_BYTES} bytes.`
    throw new CliError(EXIT.usage, message)
  }
  const bytes = Buffer.concat(parts)
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return text.replace(/\r?\n$/, '')
  } catch {
    throw new CliError(EXIT.usage, 'The input from stdin is not UTF-8.')
  }
}
