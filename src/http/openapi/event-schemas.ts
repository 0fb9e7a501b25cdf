/** Describes events as JSON Schema: those that a hub declares, and those that its streams carry. */
import type { EventSchema, EventSchemas } from '../../core/declared-events.ts'
import { EVENT_KEY, EVENT_NAME } from '../../core/event.ts'
import { IDEMPOTENCY_KEY } from '../../core/idempotency/idempotency-key.ts'
import { type Json, plainPattern } from './json-schema.ts'

/** Properties that any event may have. */
const OPTIONAL: Json = {
  key: { type: 'string', pattern: plainPattern(EVENT_KEY.source) },
  replace: { type: 'boolean' },
  idempotencyKey: { type: 'string', pattern: IDEMPOTENCY_KEY.source },
}

/**
 * The schema of an event to publish: one of those declared. @param component - the name of this schema
 * @param more - properties that the event must have as well. @defaultValue none
 */
export function schemaOfEvents(component: string, events: EventSchemas, more: Json = {}): Json {
  const names = Object.keys(events)
  const variants = Object.entries(events).map(([name, schema], index) => {
    const at = `#/components/schemas/${component}/anyOf/${index}/properties/data`
    return {
      type: 'object',
      properties: {
        ...more,
        data: placed(schemaOfData(schema, 'input'), at),
        event: { type: 'string', const: name },
        ephemeral: { type: 'boolean' },
        ...OPTIONAL,
        retain: { type: 'boolean' },
      },
      required: [...Object.keys(more), 'data', ...(name === 'message' ? [] : ['event'])],
      additionalProperties: false,
    }
  })
  return { anyOf: [...variants, schemaOfClearing(names, more)] }
}

/** The schema of an event that removes the one that is retained. */
function schemaOfClearing(names: readonly string[], more: Json): Json {
  return {
    type: 'object',
    description: 'Removes the retained event.',
    properties: {
      ...more,
      data: { type: 'string', const: '' },
      event: { type: 'string', enum: names },
      ...OPTIONAL,
      retain: { type: 'boolean', const: true },
    },
    required: [
      ...Object.keys(more),
      'data',
      'retain',
      ...(names.includes('message') ? [] : ['event']),
    ],
    additionalProperties: false,
  }
}

/**
 * The schema of an event of a stream: one of the hub's own, or one that was published. Its fields are those of
 * OpenAPI 3.2, in which data is text. @param events - those that the hub declares. @defaultValue any
 * @see https://spec.openapis.org/oas/v3.2.0.html#special-considerations-for-server-sent-events
 */
export function schemaOfStreamEvent(events: EventSchemas | undefined): Json {
  const published = events
    ? Object.entries(events).map(([name, schema], index) => {
        const at = `#/components/schemas/StreamEvent/oneOf/${OWN.length + index}/properties/data`
        return streamed(name, textOf(schema, at))
      })
    : [{ properties: { event: { type: 'string', pattern: plainPattern(EVENT_NAME.source) } } }]
  const clock = events && !Object.hasOwn(events, 'time') ? [streamed('time', TIME)] : []
  return {
    type: 'object',
    description: 'An event of a stream: one of the hub’s own (`hub:…`), or one that was published.',
    properties: {
      data: {
        type: 'string',
        description:
          'A string as it was published, anything else as JSON; empty, whatever the event, if it removes a retained one.',
      },
      event: {
        type: 'string',
        description: 'The name. Without one, `onmessage` receives the event.',
      },
      id: { type: 'string', description: 'The cursor to resume from. Ephemeral events have none.' },
      retry: {
        type: 'integer',
        minimum: 0,
        description: 'Milliseconds to wait before the next attempt to reconnect.',
      },
    },
    required: ['data'],
    oneOf: [...OWN, ...published, ...clock],
  }
}

const OWN = [
  streamed('hub:ready', asJson({ $ref: '#/components/schemas/Ready' })),
  streamed('hub:gap', asJson({ $ref: '#/components/schemas/Gap' })),
  streamed('hub:beat', asJson({ type: 'number', description: 'The heartbeat in seconds.' })),
  streamed('hub:bye', asJson({ $ref: '#/components/schemas/Bye' })),
]

/** What the demo clock sends, which may run on a hub that declares other events. */
const TIME: Json = {
  type: 'string',
  format: 'date-time',
  description: 'The time, by the demo clock.',
}

function streamed(name: string, data: Json): Json {
  const properties = { event: { const: name }, data }
  return name === 'message' ? { properties } : { properties, required: ['event'] }
}

/** The schema of text that is JSON. */
function asJson(contentSchema: Json): Json {
  return { type: 'string', contentMediaType: 'application/json', contentSchema }
}

/** The schema of the text as which data is sent: a string as it is, anything else as JSON. */
function textOf(schema: EventSchema, at: string): Json {
  const data = schemaOfData(schema, 'output')
  if (data.type === 'string') return data
  const isText = mayBeString(data, Object(data.$defs))
  return isText ? { type: 'string' } : asJson(placed(data, `${at}/contentSchema`))
}

/** Whether a schema may accept strings. Each of its definitions is followed once: they may refer to each other. */
function mayBeString({ $ref, type, anyOf, oneOf }: Json, definitions: Json): boolean {
  const variants = anyOf ?? oneOf
  if (Array.isArray(variants)) return variants.some((one) => mayBeString(one, definitions))
  const { [String($ref).replace('#/$defs/', '')]: named, ...others } = definitions
  if (named) return mayBeString(named as Json, others)
  return type === undefined || [type].flat().includes('string')
}

/** The schema of data: any data, if the library of the schema can't write this one as JSON Schema, or in JSON. */
function schemaOfData(schema: EventSchema, io: 'input' | 'output'): Json {
  try {
    const { jsonSchema } = schema['~standard']
    const { $schema, ...rest } = (jsonSchema?.[io]?.({ target: 'draft-2020-12' }) ?? {}) as Json
    return JSON.parse(JSON.stringify(rest)) as Json
  } catch {
    return {}
  }
}

/** A schema whose references, which are relative to itself, name its place in the document. */
function placed(schema: Json, at: string): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#', `"$ref":"${at}`)) as Json
}
