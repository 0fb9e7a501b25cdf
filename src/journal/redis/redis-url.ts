/** The URLs of `REDIS_URL`, and the primary that they lead to: directly, or through Sentinels. */
import type { createClient } from '@redis/client'

/** A parsed URL. */
export interface RedisUrl {
  /** The number of the database. */
  readonly database: number
  /** The URLs of the Sentinels; empty if the URL names the primary itself. */
  readonly sentinels: readonly string[]
  /** The name by which the Sentinels know the primary; empty without Sentinels. */
  readonly name: string
  /** Returns the URL of the primary. @param address - `host:port` as a Sentinel gave it */
  primaryAt(address: string): string
}

/** What a URL must be, for error messages. */
export const REDIS_URL_RULE =
  'must be redis[s]://host[:port][/database], or redis[s]+sentinel://host[:port],…/name[/database]'

const SENTINEL_URL =
  /^(rediss?)\+sentinel:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/([\w.-]+)(?:\/(\d{0,9}))?(?:\?([^#]*))?$/

const SENTINEL_PORT = 26_379

/** Milliseconds that a Sentinel may take to connect, and to answer. */
const TIMEOUT_MS = 1_000

/**
 * Parses `redis[s]://[[user][:password]@]host[:port][/database]`, or the form that is common for Sentinel:
 * `redis[s]+sentinel://[[user][:password]@]host[:port][,host[:port]…]/name[/database]`. Its user and
 * password are those of the primary; `sentinel_username` and `sentinel_password` in its query are those
 * of the Sentinels. Returns undefined if it is neither.
 */
export function parseRedisUrl(url: string): RedisUrl | undefined {
  return SENTINEL_URL.test(url) ? parseSentinelUrl(url) : parsePrimaryUrl(url)
}

function parsePrimaryUrl(url: string): RedisUrl | undefined {
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) return undefined
  const [, digits] = /^\/?(\d{0,9})$/.exec(new URL(url).pathname) ?? []
  if (digits === undefined) return undefined
  return { database: Number(digits), sentinels: [], name: '', primaryAt: () => url }
}

function parseSentinelUrl(url: string): RedisUrl | undefined {
  const [, scheme, user = '', hosts = '', name = '', database = '', search] =
    SENTINEL_URL.exec(url) ?? []
  const query = new URLSearchParams(search)
  const of = (key: string) => encodeURIComponent(query.get(`sentinel_${key}`) ?? '')
  const sentinelUser = query.has('sentinel_password') ? `${of('username')}:${of('password')}@` : ''
  const sentinels = hosts.split(',').map((host) => {
    const withPort = /:\d+$/.test(host) ? host : `${host}:${SENTINEL_PORT}`
    return `${scheme}://${sentinelUser}${withPort}`
  })
  if (!sentinels.every((sentinel) => URL.canParse(sentinel))) return undefined
  return {
    database: Number(database),
    sentinels,
    name,
    primaryAt: (address) => `${scheme}://${user && `${user}@`}${address}/${database}`,
  }
}

/**
 * Returns the URL of the primary. Asks all Sentinels at once, and takes the answer that most of them
 * give: one that is cut off from the others may not know of a failover.
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/
 * @throws if none answers, or those that do know no primary of this name
 */
export async function findPrimary(url: string, create: typeof createClient): Promise<string> {
  const parsed = parseRedisUrl(url)
  if (!parsed || parsed.sentinels.length === 0) return url
  const { sentinels, name, primaryAt } = parsed
  const answers = await Promise.allSettled(sentinels.map((one) => ask(one, name, create)))
  const votes = new Map<string, number>()
  for (const answer of answers) {
    if (answer.status === 'fulfilled' && answer.value) {
      votes.set(answer.value, (votes.get(answer.value) ?? 0) + 1)
    }
  }
  const [best] = [...votes].sort(([, one], [, other]) => other - one)
  if (best) return primaryAt(best[0])
  const failures = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  if (failures.length === answers.length) throw failures[0]
  throw new Error(`The Sentinels know no primary named ${name}.`)
}

/** Returns the address that a Sentinel gives as `host:port`; undefined if it does not know the name. */
async function ask(
  url: string,
  name: string,
  create: typeof createClient,
): Promise<string | undefined> {
  const client = create({
    url,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS },
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const reply = await client.sendCommand(['SENTINEL', 'get-master-addr-by-name', name])
    if (!Array.isArray(reply)) return undefined
    const [host, port] = reply.map(String) as [string, string]
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  } finally {
    client.destroy()
  }
}
