/** Reads and validates the configuration in the environment, and reports every problem in one message. */
import { z } from 'zod'
import { isSecureUrl, SECURE_URL_RULE } from '../core/options/secure-url.ts'
import {
  isLongSecret,
  PUBLISH_KEY,
  PUBLISH_KEY_RULE,
  SECRET_RULE,
} from '../http/auth/credentials.ts'
import { type ClientOverflow, QUEUE_SLACK_BYTES } from '../hub/options.ts'
import { isOrigin, isPlain, list, number, wholeNumber, workers } from './config/fields.ts'
import { type JournalConfig, journalFields } from './config/journal-fields.ts'
import { type WebhookConfig, webhookFields, webhookRule } from './config/webhook-fields.ts'

/** The configuration, with defaults filled in. Each property is the environment variable of that name. */
export interface Config extends JournalConfig, WebhookConfig {
  /** The TCP port to listen on; 0 for any free port. */
  readonly PORT: number
  /** The address to listen on. */
  readonly HOST: string
  /** How many processes serve requests; `auto`: one for each core. */
  readonly WORKERS: number | 'auto'
  /** Publish keys, which publish, operate the hub and issue tickets. Several allow for rotation. */
  readonly PUBLISH_KEY: readonly string[]
  /** Keys that read metrics, and nothing else. */
  readonly METRICS_KEY: readonly string[]
  /** The secret that verifies HS256, HS384 and HS512 tokens. */
  readonly JWT_SECRET?: string | undefined
  /** The URL of the token issuer's JSON Web Key Set. */
  readonly JWKS_URL?: string | undefined
  /** The `iss` that tokens must have. */
  readonly JWT_ISSUER?: string | undefined
  /** What the `aud` of tokens must contain. */
  readonly JWT_AUDIENCE?: string | undefined
  /** Whether anyone may do anything, wherever the request comes from. */
  readonly ALLOW_ANONYMOUS: boolean
  /** Origins whose pages may read responses. */
  readonly CORS_ORIGINS: readonly string[]
  /** Request headers that those pages may send in addition to those that the hub and common tracers use. */
  readonly CORS_HEADERS: readonly string[]
  /** How many proxies in front of the server are trusted to append to `X-Forwarded-For`. */
  readonly TRUST_PROXY: number
  /** Invalid keys that one address may send within a minute; 0 for no limit. */
  readonly ATTEMPTS_PER_MINUTE: number
  /** Streams that one client or address may open within a minute; 0 for no limit. */
  readonly STREAMS_PER_MINUTE: number
  /** Events that one credential or address may publish within a minute; 0 for no limit. */
  readonly PUBLISHES_PER_MINUTE: number
  /** On Workers: how many shards the clients are spread over. */
  readonly HUB_SHARDS: number
  /**
   * Seconds between two `time` events to everyone, the demo clock; 0 for none.
   * @defaultValue 1 on a hub without credentials, otherwise 0
   */
  readonly CLOCK_SECONDS?: number | undefined
  /** Seconds between two heartbeats of a stream. */
  readonly HEARTBEAT_SECONDS: number
  /** Milliseconds that clients wait before they reconnect. */
  readonly RETRY_MS: number
  /** The maximum number of open connections. */
  readonly MAX_CONNECTIONS: number
  /** The maximum number of connections of one client. */
  readonly MAX_CONNECTIONS_PER_CLIENT: number
  /** What happens when a client at its maximum opens another connection: it is refused, or the oldest ends. */
  readonly CLIENT_OVERFLOW: ClientOverflow
  /** The maximum number of bytes queued for one connection. */
  readonly MAX_QUEUED_BYTES: number
  /** The maximum number of bytes in the data of an event. */
  readonly MAX_EVENT_BYTES: number
  /** The maximum number of events of a batch that is a JSON array. */
  readonly MAX_BATCH_EVENTS: number
  /** Size from which an event is compressed for clients that accept it, in bytes; 0 for no compression. */
  readonly COMPRESS_MIN_BYTES: number
  /** Seconds after which a connection ends, plus or minus a random fifth. */
  readonly LIFETIME_SECONDS: number
  /** The maximum number of seconds that a shutdown takes. */
  readonly DRAIN_SECONDS: number
  /**
   * Seconds between SIGTERM, when `/readyz` turns 503, and the drain.
   * @defaultValue 5; 0 when the standard input is a terminal
   */
  readonly DRAIN_DELAY_SECONDS?: number | undefined
  /** The file with the certificate chain. With it, Node serves HTTP/2 and HTTP/1.1 over TLS. */
  readonly TLS_CERT?: string | undefined
  /** The file with the private key of the certificate. */
  readonly TLS_KEY?: string | undefined
  /** Whether the dashboard is served at `/`. */
  readonly PAGE: 'on' | 'off'
  /** How streams open: in the fastest way of the runtime, or with Hono's `streamSSE`. */
  readonly STREAM: 'native' | 'portable'
  /** The lowest level that is logged. */
  readonly LOG_LEVEL: LogLevel
}

/** The levels of the log, from the most lines to the fewest. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'fatal'] as const

/** A level of the log. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Thrown for an invalid environment. Its message lists every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const DAY_SECONDS = 86_400

/** The maximum number of shards. */
export const MAX_SHARDS = 256

const ORIGINS_RULE = 'must be origins like https://app.example'

const fields = {
  PORT: wholeNumber(0, 65_535).default(3020),
  // An IPv6 address may be in brackets, as in a URL, but sockets do not accept them.
  HOST: z
    .string()
    .default('127.0.0.1')
    .transform((host) => host.replace(/^\[(.*)\]$/, '$1')),
  WORKERS: workers(1_024).default(1),
  PUBLISH_KEY: list(PUBLISH_KEY, `must be a list of keys, each of which ${PUBLISH_KEY_RULE}`),
  METRICS_KEY: list(PUBLISH_KEY, `must be a list of keys, each of which ${PUBLISH_KEY_RULE}`),
  JWT_SECRET: z.string().refine(isLongSecret, SECRET_RULE).optional(),
  JWKS_URL: z.string().refine(isSecureUrl, SECURE_URL_RULE).optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  ALLOW_ANONYMOUS: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
  CORS_ORIGINS: list(/^https?:\/\/[^/\s*]+$/i, ORIGINS_RULE)
    .refine((origins) => origins.every(isOrigin), ORIGINS_RULE)
    // Browsers send an origin in lower case, and without the default port.
    .transform((origins) => origins.map((origin) => new URL(origin).origin)),
  // RFC 9110 §5.6.2: the name of a header is a token.
  CORS_HEADERS: list(/^[\w!#$%&'*+.^`|~-]+$/, 'must be names of headers like X-Trace'),
  TRUST_PROXY: wholeNumber(0, 10).default(0),
  ATTEMPTS_PER_MINUTE: wholeNumber(0, 1_000_000).default(60),
  STREAMS_PER_MINUTE: wholeNumber(0, 1_000_000).default(0),
  PUBLISHES_PER_MINUTE: wholeNumber(0, 100_000_000).default(0),
  ...journalFields,
  HUB_SHARDS: wholeNumber(1, MAX_SHARDS).default(1),
  CLOCK_SECONDS: number(0, DAY_SECONDS).optional(),
  HEARTBEAT_SECONDS: number(0.1, 3_600).default(15),
  RETRY_MS: number(0, 3_600_000).default(2_000),
  MAX_CONNECTIONS: wholeNumber(1, 10_000_000).default(50_000),
  MAX_CONNECTIONS_PER_CLIENT: wholeNumber(1, 10_000_000).default(100),
  CLIENT_OVERFLOW: z.enum(['refuse', 'oldest'], 'must be refuse or oldest').default('refuse'),
  MAX_QUEUED_BYTES: wholeNumber(QUEUE_SLACK_BYTES, 2 ** 31).default(1_048_576),
  MAX_EVENT_BYTES: wholeNumber(1, 2 ** 28).default(262_144),
  MAX_BATCH_EVENTS: wholeNumber(1, 1_000_000).default(10_000),
  COMPRESS_MIN_BYTES: wholeNumber(0, 2 ** 28).default(0),
  LIFETIME_SECONDS: number(1, 365 * DAY_SECONDS).default(3_600),
  DRAIN_SECONDS: number(0, 3_600).default(10),
  DRAIN_DELAY_SECONDS: number(0, 3_600).optional(),
  TLS_CERT: z.string().optional(),
  TLS_KEY: z.string().optional(),
  PAGE: z.enum(['on', 'off'], 'must be on or off').default('on'),
  STREAM: z.enum(['native', 'portable'], 'must be native or portable').default('native'),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  ...webhookFields,
} satisfies { [Name in keyof Config]: z.ZodType<Config[Name]> }

/** Whether the configuration accepts any credential. Invalid fields may be missing here. */
export function hasCredentials({ PUBLISH_KEY, JWT_SECRET, JWKS_URL }: Partial<Config>): boolean {
  return (PUBLISH_KEY?.length ?? 0) > 0 || JWT_SECRET !== undefined || JWKS_URL !== undefined
}

/** The defaults of all variables that have one. */
export const defaults: Config = z.object(fields).parse({})

/** The names of all variables. */
export const variables = Object.keys(fields) as readonly (keyof Config)[]

const Environment = z
  .object(fields)
  // With `when`, zod runs these even if a field is invalid, so that all problems are reported at once.
  // That field is missing here.
  .refine((config) => !(config.MAX_QUEUED_BYTES < config.MAX_EVENT_BYTES + QUEUE_SLACK_BYTES), {
    when: () => true,
    path: ['MAX_QUEUED_BYTES'],
    message: `must be at least MAX_EVENT_BYTES plus ${QUEUE_SLACK_BYTES}`,
  })
  .refine((config) => config.JWT_SECRET === undefined || config.JWKS_URL === undefined, {
    when: () => true,
    path: ['JWKS_URL'],
    message: 'can’t be combined with JWT_SECRET: set one of them',
  })
  .refine((config) => !(config.ALLOW_ANONYMOUS && hasCredentials(config)), {
    when: () => true,
    path: ['ALLOW_ANONYMOUS'],
    message: 'can’t be combined with PUBLISH_KEY, JWT_SECRET or JWKS_URL: unset it, or unset them',
  })
  .refine((config) => !config.METRICS_KEY?.length || hasCredentials(config), {
    when: () => true,
    path: ['METRICS_KEY'],
    message:
      'requires PUBLISH_KEY, JWT_SECRET or JWKS_URL: without them, anyone may read the metrics',
  })
  .refine((config) => !config.METRICS_KEY?.some((key) => config.PUBLISH_KEY?.includes(key)), {
    when: () => true,
    path: ['METRICS_KEY'],
    message: 'must differ from PUBLISH_KEY, which may do anything',
  })
  .refine((config) => (config.TLS_CERT === undefined) === (config.TLS_KEY === undefined), {
    when: () => true,
    path: ['TLS_CERT'],
    message: 'and TLS_KEY require each other: set both, or neither',
  })
  .refine(...webhookRule)

/**
 * Reads the configuration from an environment. Empty variables count as absent; unknown ones are
 * ignored. Numbers, booleans and lists, as in a TOML file, are read as text.
 * @param ownDefaults - defaults that replace some of {@link defaults}
 * @throws {ConfigError} that lists every problem
 */
export function readConfig(
  environment: Readonly<Record<string, unknown>>,
  ownDefaults: Readonly<Partial<Record<keyof Config, string>>> = {},
): Config {
  const set = Object.entries(environment).filter(([, value]) => value !== '')
  const texts = set.map(([name, value]) => [name, isPlain(value) ? String(value) : value])
  const result = Environment.safeParse({ ...ownDefaults, ...Object.fromEntries(texts) })
  if (result.success) return result.data
  // Only the first part of the path: the items of a list have no name.
  const problems = result.error.issues.map(({ path, message }) => `  ${String(path[0])} ${message}`)
  throw new ConfigError(`The environment is invalid:\n${problems.join('\n')}`)
}
