/** Checks published events against the schemas that the hub declares. */

import type { EventSchemas, SchemaIssue, SchemaResult } from '../core/declared-events.ts'
import { HubError, type Issue, MAX_ISSUES } from '../core/errors.ts'
import { EVENT_NAME_RULE, type EventInput, isEventName } from '../core/event.ts'

/** Returns the event with the data that its schema returns; later, if the schema is asynchronous. */
export type EventCheck = (input: EventInput) => EventInput | Promise<EventInput>

/** Schemas of which one has returned a promise. */
const asynchronous = new WeakSet<EventSchemas>()

/** Whether checks of these schemas may end in another order than they began in. */
export function checksLater(schemas: EventSchemas | undefined): boolean {
  return schemas !== undefined && asynchronous.has(schemas)
}

/** Of an issue’s message, and of its path. */
const MAX_MESSAGE_LENGTH = 200

/**
 * Creates the check.
 * @throws {HubError} `invalid-option` if a name can't be published, or a schema is none
 */
export function createEventCheck(schemas: EventSchemas): EventCheck {
  const names = Object.keys(schemas)
  for (const name of names) checkSchema(name, schemas[name])
  return (input) => {
    const name = input.event ?? 'message'
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
    if (!schema) throw invalid([unknownName(name, names)])
    // It only removes the event that is retained, whatever data that has.
    if (input.retain && input.data === '') return input
    const result = schema['~standard'].validate(input.data)
    if (!(result instanceof Promise)) return accepted(input, name, result)
    asynchronous.add(schemas)
    // A copy: until then, its publisher may change it.
    const own = { ...input }
    return result.then((later) => accepted(own, name, later))
  }
}

function checkSchema(name: string, schema: EventSchemas[string] | undefined): void {
  if (!isEventName(name)) {
    throw new HubError('invalid-option', `events: an event's name ${EVENT_NAME_RULE}.`)
  }
  if (typeof schema?.['~standard']?.validate === 'function') return
  throw new HubError('invalid-option', `events.${name} must be a Standard Schema.`)
}

/** @throws {HubError} `invalid-event`; `invalid-option` if the schema breaks the specification, whoever sent the event */
function accepted(
  input: EventInput,
  name: string,
  result: Partial<SchemaResult<unknown>> | undefined,
): EventInput {
  const { issues } = Object(result) as { readonly issues?: unknown }
  if (!issues && typeof result === 'object' && result !== null && 'value' in result) {
    return { ...input, data: result.value }
  }
  if (!Array.isArray(issues)) {
    const message = `The schema of the event ${name} returned neither a value nor issues.`
    throw new HubError('invalid-option', message)
  }
  const first = issues.slice(0, MAX_ISSUES).map(issueOf)
  throw invalid(first.length > 0 ? first : [issueOf({})])
}

/** Any part of an issue may be missing: the schema is not ours. */
function issueOf(issue: Partial<SchemaIssue> | undefined): Issue {
  const { message, path } = Object(issue) as Partial<SchemaIssue>
  const keys = Array.isArray(path) ? path.map((part) => String(part?.key ?? part)) : []
  return {
    path: ['data', ...keys].join('.').slice(0, MAX_MESSAGE_LENGTH),
    message: String(message || 'is invalid').slice(0, MAX_MESSAGE_LENGTH),
  }
}

function unknownName(name: string, names: readonly string[]): Issue {
  const message = `must be one of ${names.join(', ')}, but is ${name}`
  return { path: 'event', message: message.slice(0, MAX_MESSAGE_LENGTH) }
}

function invalid(issues: readonly Issue[]): HubError {
  const text = issues.map(({ path, message }) => `${path} ${message}`).join('; ')
  return new HubError('invalid-event', `${text}.`, { issues })
}
