/** Rate limits by holder of a right or by remote address, off unless asked for. */
import type { Context, MiddlewareHandler } from 'hono'
import {
  convertIPv4BinaryToString,
  convertIPv4MappedIPv6ToIPv4,
  convertIPv6ToBinary,
  distinctRemoteAddr,
  isIPv4MappedIPv6,
} from 'hono/utils/ipaddr'
import { type ClientRateLimitInfo, rateLimiter, type Store } from 'hono-rate-limiter'
import { type Clock, dateAt } from '../../core/clock.ts'
import type { Hub } from '../../hub/hub.ts'
import { internalsOf } from '../../hub/internals.ts'
import { problem } from '../problem.ts'
import { refuseForNow } from '../stream.ts'

/** Middleware that limits; what is absent is not limited. */
export interface Limits {
  readonly streams?: MiddlewareHandler | undefined
  readonly publishing?: MiddlewareHandler | undefined
}

/** How often one holder of a right, or else one address, may ask within a minute; 0 for no limit. */
export interface LimitOptions {
  readonly hub: Hub
  readonly streamsPerMinute: number
  readonly publishesPerMinute: number
  readonly clock: Clock
  /** The address that a request came from. */
  addressOf(c: Context): string | undefined
  /** Whether a publish was counted elsewhere. @defaultValue none was */
  isCountedElsewhere?(c: Context): boolean
}

const MINUTE_MS = 60_000

/** Holders and addresses that are counted one by one within a minute. */
const MAX_COUNTED = 100_000

/** Makes the limits of an app. */
export function createLimits(options: LimitOptions): Limits {
  const { hub, streamsPerMinute, publishesPerMinute, clock, addressOf } = options
  const { reject, byeFrame } = internalsOf(hub)
  return {
    streams: limit(streamsPerMinute, (c) => {
      const info = { remoteAddress: addressOf(c), requestId: c.get('requestId') }
      reject(c.get('listening').client, 'rate-limited', info)
      return refuseForNow(c, byeFrame('at-capacity'))
    }),
    publishing: limit(
      publishesPerMinute,
      (c) => {
        return problem(
          c,
          429,
          'Too much was published within a minute: wait as long as Retry-After says.',
        )
      },
      options.isCountedElsewhere,
    ),
  }

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
      keyGenerator: (c: Context) => c.get('holder') ?? ipBucket(addressOf(c) ?? 'unknown'),
      handler: (c: Context) => refuse(c),
      skip,
      store: minuteStore(clock),
    })
  }
}

/** An address, for IPv6 its /64 network: whoever has one address there has them all. */
export function ipBucket(address: string): string {
  const plain = address
    .toLowerCase()
    // Some proxies write the port, too: 192.0.2.1:4711, [2001:db8::1]:4711.
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/, '')
  if (distinctRemoteAddr(plain) !== 'IPv6') return plain.slice(0, 64)
  const binary = binaryOf(plain)
  if (binary === undefined) return 'unknown'
  if (!isIPv4MappedIPv6(binary)) return (binary >> 64n).toString(16)
  return convertIPv4BinaryToString(convertIPv4MappedIPv6ToIPv4(binary))
}

/** Undefined for what has colons and is no address: a proxy may write what it likes. */
function binaryOf(address: string): bigint | undefined {
  try {
    return convertIPv6ToBinary(address)
  } catch {
    return undefined
  }
}

/**
 * The address of the client behind `hops` trusted proxies, each of which appends whom it saw.
 * What stands further left in `X-Forwarded-For` was written by the client, and is not believed.
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

/** Counts within minutes that are the same for all, so that no timer has to clear up. */
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
