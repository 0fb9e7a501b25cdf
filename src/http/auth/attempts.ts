/** Limits how many invalid keys a remote address may send, so that guessing one takes too long. */
import type { Context } from 'hono'
import type { Clock } from '../../core/clock.ts'
import { ipBucket } from '../middleware/rate-limit.ts'
import { tooManyAttempts } from './errors.ts'

/** Options of the limit. */
export interface AttemptOptions {
  /** The remote address of a request. IPv6 addresses count by their /64 network; requests without one count together. */
  readonly addressOf: (c: Context) => string | undefined
  /** Invalid keys that one address may send within a minute. @defaultValue `60` */
  readonly perMinute?: number | undefined
}

/** The attempts of all addresses. */
export interface Attempts {
  /**
   * Called before a key counts: beyond the limit, only a key that the same address has used before counts.
   * Otherwise, a guesser could lock out whoever shares its address, such as that of a proxy.
   * @param key - the number of the key that was sent; negative if it is none
   * @throws {HTTPException} 429
   */
  admit(c: Context, key: number): void
  /** Called when a credential turned out to be invalid. */
  failed(c: Context): void
}

/** What one process learns of a remote address: that it has used a key, or that it has sent an invalid one. */
export type SharedAttempt = readonly [kind: 'used' | 'failed', subject: string]

/** Exchanges attempts with the other processes of a server, so that they count together. */
export interface AttemptExchange {
  /** Sends an attempt to the others. */
  send(attempt: SharedAttempt): void
  /** Calls the listener with the attempts of the others. */
  onReceived(listener: (attempt: SharedAttempt) => void): void
}

/** The hubs of processes that count together with others. */
const exchanges = new WeakMap<object, AttemptExchange>()

/** Makes the access control that is created later for this hub count together with other processes. */
export function shareAttempts(hub: object, exchange: AttemptExchange): void {
  exchanges.set(hub, exchange)
}

const MINUTE_MS = 60_000

/** The maximum number of addresses counted separately within a minute. The others share one count. */
const MAX_COUNTED = 100_000

/** The maximum number of addresses whose keys are remembered; the oldest is forgotten first. */
const MAX_KNOWN = 10_000

/** The maximum number of characters of an address that are remembered: a proxy may send anything. */
const MAX_ADDRESS = 64

const OTHERS = 'all the others'

/** Creates the count of attempts at a hub. */
export function createAttempts(
  { addressOf, perMinute = 60 }: AttemptOptions,
  clock: Pick<Clock, 'monotonic'>,
  hub: object,
): Attempts {
  /** Invalid keys within the current minute, by address. */
  const failures = new Map<string, number>()
  /** Which keys an address has used. */
  const known = new Set<string>()
  let end = 0
  const exchange = exchanges.get(hub)
  exchange?.onReceived(([kind, subject]) => {
    if (kind === 'used') remember(subject)
    else count(subject)
  })
  return { admit, failed }

  function admit(c: Context, key: number): void {
    const address = addressOf(c)?.slice(0, MAX_ADDRESS) ?? ''
    const use = `${key} ${address}`
    const isKnown = key >= 0 && known.has(use)
    if (isKnown) return
    const now = clock.monotonic()
    if (countOf(bucketOf(address), now) >= perMinute) {
      throw tooManyAttempts(Math.ceil((end - now) / 1_000))
    }
    if (key < 0) return
    remember(use)
    exchange?.send(['used', use])
  }

  function failed(c: Context): void {
    const bucket = bucketOf(addressOf(c) ?? '')
    count(bucket)
    exchange?.send(['failed', bucket])
  }

  function count(bucket: string): void {
    const before = countOf(bucket, clock.monotonic())
    const counted = failures.size < MAX_COUNTED || failures.has(bucket) ? bucket : OTHERS
    failures.set(counted, before + 1)
  }

  function countOf(bucket: string, now: number): number {
    if (now >= end) {
      failures.clear()
      end = now + MINUTE_MS
    }
    return failures.get(bucket) ?? (failures.size < MAX_COUNTED ? 0 : (failures.get(OTHERS) ?? 0))
  }

  function remember(use: string): void {
    const [oldest] = known
    if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest)
    known.add(use)
  }
}

function bucketOf(address: string): string {
  return address === '' ? OTHERS : ipBucket(address)
}
