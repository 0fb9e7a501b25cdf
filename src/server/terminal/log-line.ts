/** Formats the lines of the log: JSON for programs, or text for a person at a terminal. */
import { type Clock, dateAt } from '../../core/clock.ts'
import type { LogLevel } from '../config.ts'

/** Formats a line, without a line break. */
export type LogFormat = (level: LogLevel, message: string, fields: object, clock: Clock) => string

/** One JSON object. */
export const jsonLine: LogFormat = (level, message, fields, clock) => {
  const line = {
    '@timestamp': dateAt(clock.now()).toISOString(),
    level: level === 'warning' ? 'WARN' : level.toUpperCase(),
    message,
    logger: 'hono-sse',
  }
  return escapeControls(toJson({ ...line, ...fields }) ?? JSON.stringify(line))
}

/** `warning  stream refused client=alice reason=blocked` */
export const textLine: LogFormat = (level, message, fields) => {
  const texts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${textOf(value)}`)
  return escapeControls([level.padEnd(8), message, ...texts].join(' '))
}

/** Text that needs no quotes. */
const WORD = /^[\w.:/@+-]+$/

function textOf(value: unknown): string {
  return typeof value === 'string' && WORD.test(value) ? value : (toJson(value) ?? '?')
}

/** Undefined for what can't be written as JSON: a thrown value may be anything. */
function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, describeErrors())
  } catch {
    return undefined
  }
}

/** A replacer for errors, whose message and stack JSON would omit. An error that contains itself ends there. */
function describeErrors(): (key: string, value: unknown) => unknown {
  const seen = new Set<unknown>()
  return (_, value) => {
    if (typeof value === 'bigint') return String(value)
    if (!(value instanceof Error)) return value
    if (seen.has(value)) return String(value)
    seen.add(value)
    const { name, message, stack, cause } = value
    const errors = value instanceof AggregateError ? value.errors : undefined
    return { ...(value as object), name, message, stack, cause, errors }
  }
}

/** A terminal obeys the controls from U+007F to U+009F, and some readers break lines at U+2028, which JSON allows unescaped. */
function escapeControls(json: string): string {
  return json.replace(/[\u007f-\u009f\u2028\u2029]/g, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
