/** Picks events out of what a client has received: by origin, by name, by data. */
import type { EventSourceMessage } from 'eventsource-parser'

/** What a client has received so far. */
interface Received {
  readonly events: readonly EventSourceMessage[]
}

/** Whether an event was published: not `hub:…`, not the clock. */
export function isPublished({ event }: EventSourceMessage): boolean {
  return event !== 'time' && !event?.startsWith('hub:')
}

/** The data of the events that were published, in order of arrival. */
export function publishedData({ events }: Received): string[] {
  return events.filter(isPublished).map(({ data }) => data)
}

/** The events of one name. */
export function eventsNamed({ events }: Received, name: string): EventSourceMessage[] {
  return events.filter(named(name))
}

/** The data of the only event of one name, as JSON. */
export function controlData(received: Received, name: string): unknown {
  const [only, ...more] = eventsNamed(received, name)
  if (!only || more.length > 0) throw new Error(`There are ${more.length} more "${name}".`)
  return JSON.parse(only.data)
}

/** The last id received: the cursor with which an EventSource reconnects. */
export function cursorOf({ events }: Received): string | undefined {
  return events.findLast(({ id }) => id !== undefined)?.id
}

/** Matches the published event with this data. */
export function hasData(data: string): (event: EventSourceMessage) => boolean {
  return (event) => isPublished(event) && event.data === data
}

/** Matches an event with this name. */
export function named(name: string): (event: EventSourceMessage) => boolean {
  return ({ event }) => event === name
}
