/** Rate limits per credential or remote address. They are off by default. */
import type { Context, MiddlewareHandler } from 'hono'
import {
  convertIPv4BinaryToString,
  convertIPv6ToBinary,
  distinctRemoteAddr,
} from 'hono/utils/ipaddr'
import { type ClientRateLimitInfo, rateLimiter, type Store } from 'hono-rate-limiter'
import { type Clock, dateAt, systemClock } from '../../core/clock.ts'
import { checkRange, HubError } from '../../core/errors.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import { CLOCK } from '../../core/options/shared-kinds.ts'
import type { Hub } from '../../hub/hub-types.ts'
import { bindToHub, internalsOf } from '../../hub/internals.ts'
import { problem } from '../problem.ts'
import { refuseWithBye } from '../stream.ts'
import { GRANT, SUBJECT } from './variables.ts'

/** The rate limits of an app, as middleware. An absent one means no limit. */
export interface Limits {
  /** Limits how often streams are opened. */
  readonly streams?: MiddlewareHandler | undefined
  /** Limits how often events are published. */
  readonly publishing?: MiddlewareHandler | undefined
}

/**
 * Options of {@link createLimits}. Requests count against the client or the credential that makes
 * them, and against the remote address where the app has no access control.
 */
export interface RateLimitOptions {
  /** The hub that the app serves. */
  readonly hub: Hub
  /** Streams that one client or address may open within a minute; 0 for no limit. @defaultValue `0` */
  readonly streamsPerMinute?: number | undefined
  /** Events that one credential or address may publish within a minute; 0 for no limit. @defaultValue `0` */
  readonly publishesPerMinute?: number | undefined
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined
  /**
   * The remote address of a request. IPv6 addresses count by their /64 network. Requests without an
   * address share one limit.
   */
  readonly addressOf: (c: Context) => string | undefined
  /** Whether another process counts this publish. @defaultValue never */
  readonly isCountedElsewhere?: ((c: Context) => boolean) | undefined
}

const KINDS: Kinds<RateLimitOptions> = {
  hub: KIND.any,
  streamsPerMinute: KIND.number,
  publishesPerMinute: KIND.number,
  clock: CLOCK,
  addressOf: KIND.function,
  isCountedElsewhere: KIND.function,
}

const MINUTE_MS = 60_000

/** What is wrong with a publish over the limit. @param field - where the seconds are until the next one */
export function tooMany(field: 'Retry-After' | 'retryAfter'): string {
  return `Too many events within a minute: wait for the seconds in ${field}.`
}

/** The maximum number of subjects and addresses counted separately within a minute. The others share one count. */
const MAX_COUNTED = 100_000

/**
 * Creates the rate limits of an app: `createApp({ hub, limits: createLimits({ … }) })`. A stream over
 * the limit receives 200 with `hub:bye`, so that an EventSource reconnects; a publish over it receives 429.
 * Both come with `Retry-After`. Each process counts separately.
 * @throws {HubError} `invalid-option` for an unknown option, or when a limit is negative
 * @throws {TypeError} when `createHub` of this package did not create the hub
 */
export function createLimits(options: RateLimitOptions): Limits {
  checkOptions('createLimits', options, KINDS)
  const { hub, clock = systemClock, addressOf, isCountedElsewhere } = options
  if (!addressOf) throw new HubError('invalid-option', 'createLimits requires addressOf.')
  const { streamsPerMinute = 0, publishesPerMinute = 0 } = options
  checkRange('streamsPerMinute', streamsPerMinute, 0)
  checkRange('publishesPerMinute', publishesPerMinute, 0)
  const { reject } = internalsOf(hub)
  const limits: Limits = {
    streams: limit(streamsPerMinute, (c) => {
      const info = { remoteAddress: addressOf(c), requestId: c.get('requestId') }
      reject(c.get(GRANT).client, 'rate-limited', info)
      return refuseWithBye(c, hub, 'at-capacity')
    }),
    publishing: limit(
      publishesPerMinute,
      (c) => problem(c, 429, tooMany('Retry-After')),
      isCountedElsewhere,
    ),
  }
  return bindToHub(limits, hub)

  function limit(
    perMinute: number,
    refuse: (c: Context) => Response,
    skip: (c: Context) => boolean = () => false,
  ): MiddlewareHandler | undefined {
    if (perMinute === 0) return undefined
    return rateLimiter({
      windowMs: MINUTE_MS,
      limit: perMinute,
      standardHeaders: 'draft-7',
      keyGenerator: (c: Context) => c.get(SUBJECT) ?? ipBucket(addressOf(c) ?? 'unknown'),
      handler: (c: Context) => refuse(c),
      skip,
      store: minuteStore(clock),
    })
  }
}

/** The key that an address counts under. IPv6 counts by /64 network, as one host may use all of its addresses. */
export function ipBucket(address: string): string {
  const plain = address
    .toLowerCase()
    // Some proxies include the port: 192.0.2.1:4711, [2001:db8::1]:4711.
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/, '')
  if (distinctRemoteAddr(plain) !== 'IPv6') return plain.slice(0, 64)
  const binary = binaryOf(plain)
  if (binary === undefined) return 'unknown'
  // RFC 4291 §2.5.5.2: ::ffff:0:0/96 holds the IPv4 addresses.
  if (binary >> 32n !== 0xffffn) return (binary >> 64n).toString(16)
  return convertIPv4BinaryToString(binary & 0xffff_ffffn)
}

/** Undefined for text that has colons but is not an address: a proxy may send anything. */
function binaryOf(address: string): bigint | undefined {
  try {
    return convertIPv6ToBinary(address)
  } catch {
    return undefined
  }
}

/**
 * The address of a client that connects through `hops` trusted proxies, each of which appends the
 * address that it received the request from. Entries further left in `X-Forwarded-For` come from the
 * client: never trust them.
 */
export function clientAddress(
  c: Context,
  hops: number,
  peer: string | undefined,
): string | undefined {
  if (hops === 0) return peer
  const seen = (c.req.header('X-Forwarded-For') ?? '').split(',').map((part) => part.trim())
  return seen.at(-hops) || peer
}

/** Counts within one minute at a time, the same for all keys, so that no timer is needed to expire counts. */
function minuteStore(clock: Clock): Store {
  const hits = new Map<string, number>()
  let end = 0
  return {
    increment,
    decrement: (key) => void hits.set(key, Math.max(0, (hits.get(key) ?? 0) - 1)),
    resetKey: (key) => void hits.delete(key),
  }

  function increment(key: string): ClientRateLimitInfo {
    const now = clock.monotonic()
    if (now >= end) {
      hits.clear()
      end = now + MINUTE_MS
    }
    const counted = hits.size < MAX_COUNTED || hits.has(key) ? key : 'all the others'
    const totalHits = (hits.get(counted) ?? 0) + 1
    hits.set(counted, totalHits)
    return { totalHits, resetTime: dateAt(clock.now() + end - now) }
  }
}
