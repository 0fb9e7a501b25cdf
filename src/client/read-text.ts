/** Reads JSON from the hub. */
import { parseData } from '../core/declared-events.ts'

/** Returns the fields of an object in JSON; none of those that an object of the hub has if the text is something else. */
export function jsonFields(text: string): Readonly<Record<string, unknown>> {
  return Object(parseData(text))
}

/** Whether a value is a string. */
export function isText(value: unknown): value is string {
  return typeof value === 'string'
}
