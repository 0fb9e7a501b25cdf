/** Where events with a key supersede others: at a pattern, a key belongs to one topic, so that topics don't replace each other's events. */
import { type AddressKeys, isPatternKey, keysAt, topicOf } from '../core/address.ts'
import { HubError } from '../core/errors.ts'
import type { HubEvent } from '../core/event.ts'

/** An address, and the name of what an event is about there: a later event at the same place supersedes it. */
export interface KeyedPlace {
  readonly address: string
  readonly name: string
}

/**
 * Returns the places at which an event with a key supersedes others, and is retained: one for each address, and for each
 * topic one at each pattern that covers it.
 */
export function keyedPlaces(keys: AddressKeys, key: string): readonly KeyedPlace[] {
  if (typeof keys === 'string') return [{ address: keys, name: key }]
  const known = new Set(keys)
  return keys.flatMap((own) => {
    if (isPatternKey(own)) return []
    const addresses = keysAt(own).filter((one) => known.has(one))
    return addresses.map((address) => ({
      address,
      name: nameAt(address, topicOf(own), key) ?? key,
    }))
  })
}

/**
 * Refuses a retained event whose copies alone would exceed the bound of all of them: it would evict every other one, and then itself.
 * @throws {HubError} `event-too-large`
 */
export function checkRetained(
  keys: AddressKeys,
  { key = '', retain, data }: HubEvent,
  maxRetainedBytes: number,
): void {
  if (!retain) return
  const count = keyedPlaces(keys, key).length
  // A character takes at least one byte.
  if (count * data.length <= maxRetainedBytes) return
  const size = `${count} copies of ${data.length} bytes`
  const message = `Of a retained event, ${size} exceed the bound of ${maxRetainedBytes} bytes.`
  throw new HubError('event-too-large', `${message} Send less data, or publish to fewer addresses.`)
}

/**
 * Returns the name by which an event in the log of an address is superseded; undefined if it is not: an event for several
 * addresses, which has no topic, stays at patterns, because it may still be the newest one of another topic.
 */
export function nameAt(
  address: string,
  topic: string | undefined,
  key: string,
): string | undefined {
  if (!isPatternKey(address)) return key
  // Neither a topic nor a key has a line break.
  return topic === undefined ? undefined : `${topic}\n${key}`
}
