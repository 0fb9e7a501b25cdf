/** The URLs of `REDIS_URL`: of a primary, or of the Sentinels that know it. */

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
