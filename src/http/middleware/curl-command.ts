/** The command that publishes what somebody sent with `curl -d`, which labels everything a form. */
import type { Context } from 'hono'

/** Longer bodies are not repeated. */
const MAX_CHARACTERS = 200

/**
 * Returns a command that publishes a body as text, without a credential. It needs neither `"` nor `\`, because
 * a terminal shows the response as JSON, where these are escaped.
 */
export function curlCommand(c: Context, body: string): string {
  const key = c.req.header('Authorization') ? ' --oauth2-bearer $PUBLISH_KEY' : ''
  const data = body.length > MAX_CHARACTERS ? '…' : encoded(body)
  return `curl${key} -d data=${data} ${quoted(c.req.url)}`
}

/** Text as a form has it, and as a word that no shell changes. */
function encoded(text: string): string {
  return new URLSearchParams({ text }).toString().slice('text='.length).replaceAll('*', '%2A')
}

/** A URL as a word of a shell. */
function quoted(url: string): string {
  return /^[\w.:/-]+$/.test(url) ? url : `'${url.replaceAll("'", '%27')}'`
}
