/** Refuses what a query must not contain: credentials, and fields of an event that would not be read. */
import type { Context, Handler } from 'hono'
import { MAX_ISSUES } from '../../core/errors.ts'
import { isPiped } from '../batch/publisher.ts'
import { invalidFields, problem } from '../problem.ts'
import { mediaTypeOf } from './body.ts'

/** Parameters that people put credentials into. */
const SECRETS = /^(access_?token|api_?key|auth|authorization|bearer|jwt|key|publish_?key|token)$/i

/** The path of a stop, wherever the app is mounted. */
const STOP = /\/clients\/[^/]+\/stop$/

const CREDENTIALS =
  'Credentials are not accepted in a URL, because logs store URLs: send "Authorization: Bearer …".'
const OR_KEY = `${CREDENTIALS} The key of an event belongs in its body.`
const IN_BODY = 'is not read here: the fields of an event belong in its body, as JSON or a form'

/** Refuses credentials in the query, because the logs of every proxy would store them. */
export const noSecretsInQuery: Handler = (c, next) => {
  const secrets = namesIn(c).filter((name) => SECRETS.test(name))
  const isPost = c.req.method === 'POST'
  const others = isPost ? secrets.filter((name) => name !== 'key') : secrets
  if (secrets.length === 0 || (others.length === 0 && hasEventKey(c))) return next()
  return problem(c, 400, others.length > 0 ? CREDENTIALS : OR_KEY)
}

/** Whether `key` in the query of a POST is that of an event. */
function hasEventKey(c: Context): boolean {
  return STOP.test(c.req.path) || isEventStream(c)
}

/** The fields of an event, and the options of an event stream, in lower case. */
const FIELDS: readonly string[] = [
  ...['to', 'data', 'event', 'ephemeral', 'key', 'replace', 'retain'],
  ...['idempotencykey', 'onabort'],
]

/** Those that are read in the query of an event stream. */
const STREAM_OPTIONS: readonly string[] = ['event', 'ephemeral', 'key', 'onAbort']

/** Refuses the fields of an event in the query, where they would be dropped. */
export const noFieldsInQuery: Handler = (c, next) => {
  const names = unreadFields(c)
  // A Worker has read the query of the stream whose events it sends to shards.
  if (names.length === 0 || isPiped(c)) return next()
  const issues = names.slice(0, MAX_ISSUES).map((path) => ({ path, message: IN_BODY }))
  return invalidFields(c, 'query', issues)
}

/** The fields of an event in a query that are not read there. Other names belong to the app that mounts this one. */
export function unreadFields(c: Context): readonly string[] {
  const read = isEventStream(c) ? STREAM_OPTIONS : []
  return namesIn(c).filter((name) => FIELDS.includes(name.toLowerCase()) && !read.includes(name))
}

/** Whether the body is an event stream, in whatever encoding: another than UTF-8 is refused as such. */
function isEventStream(c: Context): boolean {
  return mediaTypeOf(c.req.raw) === 'text/event-stream'
}

/** The names of the parameters, each once. */
function namesIn(c: Context): readonly string[] {
  const at = c.req.url.indexOf('?')
  return at === -1 ? [] : [...new Set(new URLSearchParams(c.req.url.slice(at)).keys())]
}
