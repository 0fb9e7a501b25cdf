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

/** What a retained event takes at one place, at most: its frame, copies of the place's address and name, and an overhead. */
export interface RetainedSize {
  readonly frameBytes: number
  readonly nameCopies: number
  readonly overheadBytes: number
}

const encoder = new TextEncoder()

/**
 * Refuses a retained event whose copies alone would exceed the bound of all of them: it would evict every other one, and then itself.
 * @param maxBytes - the bound
 * @throws {HubError} `event-too-large`
 */
export function checkRetained(
  keys: AddressKeys,
  { key = '', retain }: HubEvent,
  { frameBytes, nameCopies, overheadBytes }: RetainedSize,
  maxBytes: number,
): void {
  if (!retain) return
  const places = keyedPlaces(keys, key)
  const text = places.map(({ address, name }) => address + name).join('')
  const size =
    places.length * (frameBytes + overheadBytes) + nameCopies * encoder.encode(text).byteLength
  if (size <= maxBytes) return
  const copies = places.length === 1 ? '' : `, with its ${places.length} copies,`
  const message = `A retained event that takes ${size} bytes${copies} exceeds the bound of ${maxBytes} bytes of all of them.`
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
