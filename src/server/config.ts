/** Configuration: the environment, read once, with every problem in one message. */
import { z } from 'zod'
import {
  isJwksUrl,
  isLongSecret,
  JWKS_URL_RULE,
  PUBLISH_KEY,
  PUBLISH_KEY_RULE,
  SECRET_RULE,
} from '../http/auth/credentials.ts'
import { QUEUE_SLACK_BYTES } from '../hub/options.ts'

/** What the environment settles, with its defaults filled in. */
export interface Config {
  /** TCP port; 0 for any that is free. */
  readonly PORT: number
  /** The address to listen on. */
  readonly HOST: string
  /** Keys for publishing and operating; several, so that they can be rotated. */
  readonly PUBLISH_KEY: readonly string[]
  /** The secret of tokens signed with HS256, HS384 or HS512. */
  readonly JWT_SECRET?: string | undefined
  /** Where the issuer of tokens publishes its keys. */
  readonly JWKS_URL?: string | undefined
  /** What a token's `iss` must be. */
  readonly JWT_ISSUER?: string | undefined
  /** What a token's `aud` must hold. */
  readonly JWT_AUDIENCE?: string | undefined
  /** Whether all may do all, wherever they come from. */
  readonly ALLOW_ANONYMOUS: boolean
  /** Origins whose pages may read answers. */
  readonly CORS_ORIGINS: readonly string[]
  /** How many proxies in front are trusted to append to `X-Forwarded-For`. */
  readonly TRUST_PROXY: number
  /** Streams that one client or address may open within a minute; 0 for no limit. */
  readonly STREAMS_PER_MINUTE: number
  /** Events that one holder of a right, or one address, may publish within a minute; 0 for no limit. */
  readonly PUBLISHES_PER_MINUTE: number
  /** Where the journal is that several instances share: a Redis or Valkey primary. */
  readonly REDIS_URL?: string | undefined
  /** Names the hub in that Redis. */
  readonly REDIS_PREFIX: string
  /** On Workers: how many objects share the clients. */
  readonly HUB_SHARDS: number
  /** Seconds between two `time` events to everyone; 0 for none. */
  readonly CLOCK_SECONDS: number
  /** Seconds of quiet after which a stream gets a heartbeat. */
  readonly HEARTBEAT_SECONDS: number
  /** Milliseconds that clients wait before they reconnect. */
  readonly RETRY_MS: number
  /** Events that the journal keeps for each address. */
  readonly JOURNAL_EVENTS: number
  /** Seconds that the journal keeps an event. */
  readonly JOURNAL_SECONDS: number
  /** Bytes that the journal keeps in all. */
  readonly JOURNAL_BYTES: number
  /** Connections in all. */
  readonly MAX_CONNECTIONS: number
  /** Connections of one client. */
  readonly MAX_CONNECTIONS_PER_CLIENT: number
  /** Bytes queued for one connection. */
  readonly MAX_QUEUED_BYTES: number
  /** Bytes of one event's data. */
  readonly MAX_EVENT_BYTES: number
  /** Seconds that a connection lives, give or take a fifth. */
  readonly LIFETIME_SECONDS: number
  /** Seconds that a shutdown may take. */
  readonly DRAIN_SECONDS: number
  /** A file with the certificate chain; with it the Node door speaks HTTP/2 and HTTP/1.1 over TLS. */
  readonly TLS_CERT?: string | undefined
  /** A file with the certificate's private key. */
  readonly TLS_KEY?: string | undefined
  /** Whether the page is at `/`. */
  readonly PAGE: 'on' | 'off'
  /** How streams open: the fastest way of the runtime, or Hono's `streamSSE`. */
  readonly STREAM: 'native' | 'portable'
  /** What is worth a line in the log. */
  readonly LOG_LEVEL: LogLevel
}

const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'fatal'] as const

/** Levels of the log, from all to least. */
export type LogLevel = (typeof LEVELS)[number]

/** Thrown for an environment that can't be used; its message names every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const DAY_SECONDS = 86_400

/** How many objects may share the clients. */
export const MAX_SHARDS = 256

const fields = {
  PORT: wholeNumber(0, 65_535).default(3020),
  // As in a URL, an IPv6 address may stand in brackets, which no socket takes.
  HOST: z
    .string()
    .default('127.0.0.1')
    .transform((host) => host.replace(/^\[(.*)\]$/, '$1')),
  PUBLISH_KEY: list(PUBLISH_KEY, `must be keys, each of which ${PUBLISH_KEY_RULE}`),
  JWT_SECRET: z.string().refine(isLongSecret, SECRET_RULE).optional(),
  JWKS_URL: z.string().refine(isJwksUrl, JWKS_URL_RULE).optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  ALLOW_ANONYMOUS: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
  CORS_ORIGINS: list(/^https?:\/\/[^/\s*]+$/, 'must be origins like https://app.example'),
  TRUST_PROXY: wholeNumber(0, 10).default(0),
  STREAMS_PER_MINUTE: wholeNumber(0, 1_000_000).default(0),
  PUBLISHES_PER_MINUTE: wholeNumber(0, 100_000_000).default(0),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: 'must be a URL with redis or rediss' })
    .optional(),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\w.:-]{1,64}$/, 'must have 1 to 64 letters, digits, and of "_.:-"')
    .default('hono-sse'),
  HUB_SHARDS: wholeNumber(1, MAX_SHARDS).default(1),
  CLOCK_SECONDS: number(0, DAY_SECONDS).default(1),
  HEARTBEAT_SECONDS: number(0.1, 3_600).default(15),
  RETRY_MS: number(0, 3_600_000).default(2_000),
  JOURNAL_EVENTS: wholeNumber(0, 1_000_000).default(1_000),
  JOURNAL_SECONDS: number(0, 30 * DAY_SECONDS).default(300),
  JOURNAL_BYTES: wholeNumber(0, 2 ** 40).default(67_108_864),
  MAX_CONNECTIONS: wholeNumber(1, 10_000_000).default(50_000),
  MAX_CONNECTIONS_PER_CLIENT: wholeNumber(1, 10_000_000).default(100),
  MAX_QUEUED_BYTES: wholeNumber(QUEUE_SLACK_BYTES, 2 ** 31).default(1_048_576),
  MAX_EVENT_BYTES: wholeNumber(1, 2 ** 28).default(262_144),
  LIFETIME_SECONDS: number(1, 365 * DAY_SECONDS).default(3_600),
  DRAIN_SECONDS: number(0, 3_600).default(10),
  TLS_CERT: z.string().optional(),
  TLS_KEY: z.string().optional(),
  PAGE: z.enum(['on', 'off'], 'must be on or off').default('on'),
  STREAM: z.enum(['native', 'portable'], 'must be native or portable').default('native'),
  LOG_LEVEL: z.enum(LEVELS, `must be one of ${LEVELS.join(', ')}`).default('info'),
} satisfies { [Name in keyof Config]: z.ZodType<Config[Name]> }

/** Whether anything is set that rights could come from. A field that is wrong may be missing here. */
export function hasCredentials({ PUBLISH_KEY, JWT_SECRET, JWKS_URL }: Partial<Config>): boolean {
  return (PUBLISH_KEY?.length ?? 0) > 0 || JWT_SECRET !== undefined || JWKS_URL !== undefined
}

/** The defaults of the variables that have one. */
export const defaults: Config = z.object(fields).parse({})

/** The names of all variables. */
export const variables = Object.keys(fields) as readonly (keyof Config)[]

const Environment = z
  .object(fields)
  // Without `when` zod holds these back until every field is right; then one may be missing here.
  .refine((config) => !(config.MAX_QUEUED_BYTES < config.MAX_EVENT_BYTES + QUEUE_SLACK_BYTES), {
    when: () => true,
    path: ['MAX_QUEUED_BYTES'],
    message: `must be ${QUEUE_SLACK_BYTES} or more over MAX_EVENT_BYTES`,
  })
  .refine((config) => config.JWT_SECRET === undefined || config.JWKS_URL === undefined, {
    when: () => true,
    path: ['JWKS_URL'],
    message: 'and JWT_SECRET are two ways to verify tokens: set one of them',
  })
  .refine((config) => !(config.ALLOW_ANONYMOUS && hasCredentials(config)), {
    when: () => true,
    path: ['ALLOW_ANONYMOUS'],
    message: 'would switch PUBLISH_KEY, JWT_SECRET and JWKS_URL off: unset it, or them',
  })
  .refine((config) => (config.TLS_CERT === undefined) === (config.TLS_KEY === undefined), {
    when: () => true,
    path: ['TLS_CERT'],
    message: 'and TLS_KEY go together: set both, or none',
  })

/**
 * The configuration that an environment stands for; an empty variable counts as absent.
 * @throws {ConfigError} with all problems in one message
 */
export function readConfig(environment: Readonly<Record<string, unknown>>): Config {
  const set = Object.entries(environment).filter(([, value]) => value !== '')
  const result = Environment.safeParse(Object.fromEntries(set))
  if (result.success) return result.data
  // The first part of the path alone: a list's items have no name of their own.
  const problems = result.error.issues.map(({ path, message }) => `  ${String(path[0])} ${message}`)
  throw new ConfigError(`The environment can't be used:\n${problems.join('\n')}`)
}

/** A comma-separated list. */
function list(item: RegExp, rule: string) {
  return z
    .string()
    .default('')
    .transform((text) => text.split(',').map((part) => part.trim()))
    .transform((parts) => parts.filter((part) => part !== ''))
    .pipe(z.array(z.string().regex(item, rule)))
}

function wholeNumber(min: number, max: number) {
  return number(min, max).pipe(z.int('must be a whole number'))
}

function number(min: number, max: number) {
  const rule = `must be a number from ${min} to ${max}`
  const digits = z.string(rule).regex(/^\d{1,15}(\.\d{1,3})?$/, rule)
  return digits.transform(Number).pipe(z.number().min(min, rule).max(max, rule))
}
