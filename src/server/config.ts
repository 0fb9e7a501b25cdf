/** Configuration: the environment, read once, with every problem in one message. */
import { z } from 'zod'

/** What the environment settles, with its defaults filled in. */
export interface Config {
  /** TCP port; 0 for any that is free. */
  readonly PORT: number
  /** The address to listen on. */
  readonly HOST: string
  /** Seconds between two `time` events to everyone; 0 for none. */
  readonly CLOCK_SECONDS: number
  /** Seconds of quiet after which a stream gets a heartbeat. */
  readonly HEARTBEAT_SECONDS: number
  /** Milliseconds that clients wait before they reconnect. */
  readonly RETRY_MS: number
  /** Events that the journal keeps for each address. */
  readonly HISTORY_EVENTS: number
  /** Seconds that the journal keeps an event. */
  readonly HISTORY_SECONDS: number
  /** Bytes that the journal keeps in all. */
  readonly HISTORY_BYTES: number
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

/** Bytes beside one event that a connection's queue must have room for. */
const QUEUE_SLACK_BYTES = 65_536

const fields = {
  PORT: number(0, 65_535).default(3020),
  HOST: z.string().default('127.0.0.1'),
  CLOCK_SECONDS: number(0, DAY_SECONDS).default(1),
  HEARTBEAT_SECONDS: number(0.1, 3_600).default(15),
  RETRY_MS: number(0, 3_600_000).default(2_000),
  HISTORY_EVENTS: number(0, 1_000_000).default(1_000),
  HISTORY_SECONDS: number(0, 30 * DAY_SECONDS).default(300),
  HISTORY_BYTES: number(0, 2 ** 40).default(67_108_864),
  MAX_CONNECTIONS: number(1, 10_000_000).default(50_000),
  MAX_CONNECTIONS_PER_CLIENT: number(1, 10_000_000).default(100),
  MAX_QUEUED_BYTES: number(QUEUE_SLACK_BYTES, 2 ** 31).default(1_048_576),
  MAX_EVENT_BYTES: number(1, 2 ** 28).default(262_144),
  LIFETIME_SECONDS: number(1, 365 * DAY_SECONDS).default(3_600),
  DRAIN_SECONDS: number(0, 3_600).default(10),
  LOG_LEVEL: z.enum(LEVELS, `must be one of ${LEVELS.join(', ')}`).default('info'),
} satisfies { [Name in keyof Config]: z.ZodType<Config[Name]> }

/** The names of all variables, with the defaults of those that have one. */
export const defaults: Config = z.object(fields).parse({})

const Environment = z
  .object(fields)
  .refine(
    ({ MAX_QUEUED_BYTES, MAX_EVENT_BYTES }) =>
      MAX_QUEUED_BYTES >= MAX_EVENT_BYTES + QUEUE_SLACK_BYTES,
    {
      path: ['MAX_QUEUED_BYTES'],
      message: `must be ${QUEUE_SLACK_BYTES} or more over MAX_EVENT_BYTES`,
    },
  )

/**
 * The configuration that an environment stands for; an empty variable counts as absent.
 * @throws {ConfigError} with all problems in one message
 */
export function readConfig(environment: Readonly<Record<string, unknown>>): Config {
  const set = Object.entries(environment).filter(([, value]) => value !== '')
  const result = Environment.safeParse(Object.fromEntries(set))
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => `  ${path.join('.')} ${message}`)
  throw new ConfigError(`The environment can't be used:\n${problems.join('\n')}`)
}

function number(min: number, max: number) {
  const rule = `must be a number from ${min} to ${max}`
  const digits = z.string(rule).regex(/^\d{1,15}(\.\d{1,3})?$/, rule)
  return digits.transform(Number).pipe(z.number().min(min, rule).max(max, rule))
}
