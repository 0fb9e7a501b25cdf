/** Reads frames of this hub back into events, for an application that iterates over them. */
import type { GapEvent } from '../../core/control-events.ts'
import {
  type AnyEvents,
  type EventSchema,
  type EventSchemas,
  parseData,
} from '../../core/declared-events.ts'

/** One item of an iteration: an event, or a gap. */
export interface EventItem {
  /** The event's id, from which a later iteration can resume. Ephemeral events have none. */
  readonly id?: string | undefined
  /** The event's name; `message` if it was published without one, and `hub:gap` for a gap. */
  readonly event: string
  /** The data as text, as clients receive it: what was published as another value is JSON. */
  readonly data: string
  /**
   * The value that `data` stands for, parsed each time that it is read. Text that is JSON becomes its value,
   * unless the hub declares the event with a schema that accepts only strings.
   */
  readonly value: unknown
  /** The topic that it was published to, if that was its only address. */
  readonly topic?: string | undefined
  /** The key that it was published with. */
  readonly key?: string | undefined
  /** Whether the event is retained. */
  readonly retained?: boolean | undefined
  /** Set for a gap: events were lost before the next item. */
  readonly gap?: GapEvent | undefined
}

/** An item of a hub that declares its events: its name decides the type of its value. */
export type EventItemOf<Events extends object = AnyEvents> = string extends keyof Events
  ? EventItem
  :
      | GapItem
      | { [Name in keyof Events & string]: DeclaredItem<Name, Events[Name]> }[keyof Events & string]

interface DeclaredItem<Name extends string, Value> extends EventItem {
  readonly event: Name
  readonly value: Value
  readonly gap?: undefined
}

interface GapItem extends EventItem {
  readonly event: 'hub:gap'
  readonly value: GapEvent
  readonly gap: GapEvent
}

const decoder = new TextDecoder()

/** What follows the retained events of an iteration: its id is where the iteration starts. */
export const START = 'hub:beat'

/** Reads the frames in a buffer, as events that the hub declares. Other frames about the stream are left out. */
export function readItems(frames: Uint8Array, schemas: EventSchemas = {}): EventItem[] {
  return decoder
    .decode(frames)
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => itemOf(frame, schemas))
    .filter(({ event }) => event === 'hub:gap' || event === START || !event.startsWith('hub:'))
}

/** `encodeFrame` is the only one that writes these frames, so that a full parser is not needed. */
function itemOf(frame: string, schemas: EventSchemas): EventItem {
  let id: string | undefined
  let topic: string | undefined
  let key: string | undefined
  let retained: boolean | undefined
  let event = 'message'
  const data: string[] = []
  for (const line of frame.split('\n')) {
    if (line.startsWith('data: ')) data.push(line.slice(6))
    else if (line.startsWith('id: ')) id = line.slice(4)
    else if (line.startsWith('event: ')) event = line.slice(7)
    else if (line.startsWith(': topic ')) topic = line.slice(8)
    else if (line.startsWith(': key ')) key = line.slice(6) || undefined
    else if (line === ': retained') retained = true
  }
  const schema = Object.hasOwn(schemas, event) ? schemas[event] : undefined
  return new Item({ id, event, data: data.join('\n'), topic, key, retained }, schema)
}

/** Not every loop reads `value`: it costs nothing until then, and a copy of an item lacks it. */
class Item implements EventItem {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
  readonly topic: string | undefined
  readonly key: string | undefined
  readonly retained: boolean | undefined
  readonly gap: GapEvent | undefined
  readonly #schema: EventSchema | undefined

  constructor(
    { id, event, data, topic, key, retained }: Omit<EventItem, 'value' | 'gap'>,
    schema: EventSchema | undefined,
  ) {
    this.#schema = schema
    this.id = id
    this.event = event
    this.data = data
    this.topic = topic
    this.key = key
    this.retained = retained
    this.gap = event === 'hub:gap' ? (this.value as GapEvent) : undefined
  }

  get value(): unknown {
    const value = parseData(this.data)
    return this.#schema && isDeclaredText(this.#schema, this.data, value) ? this.data : value
  }
}

/** Whether data is a string that was published, by the rule of the client: the schema rejects its value as JSON. */
function isDeclaredText(schema: EventSchema, data: string, value: unknown): boolean {
  if (value === data || outputOf(schema, data)?.value !== data) return false
  return typeof value === 'string' || outputOf(schema, value) === undefined
}

/** What a schema makes of a value; undefined if it rejects it, or answers later. */
function outputOf(schema: EventSchema, value: unknown): { readonly value: unknown } | undefined {
  try {
    const result = schema['~standard'].validate(value)
    if (!(result instanceof Promise)) return result.issues ? undefined : result
    result.catch(() => {})
  } catch {
    // A schema of the application's own may expect no such value.
  }
  return undefined
}
