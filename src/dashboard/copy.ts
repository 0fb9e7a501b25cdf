/** Copies texts, such as commands for a terminal, to the clipboard. */
import { base, key } from './api.ts'
import { byId, setText } from './elements.ts'

/** Milliseconds for which a button says that it has copied. */
const SAID_MS = 1_500

/** Copies a text. The button says whether that worked. */
export async function copyText(button: HTMLButtonElement, text: string): Promise<void> {
  const said = (await write(text)) ? 'Copied' : 'Not copied'
  button.dataset.label ??= button.textContent
  for (const element of [button, byId('copied', HTMLElement)]) say(element, said)
}

const timers = new WeakMap<HTMLElement, number>()

/** Shows a text for a moment from now on, also if the one before would end earlier. */
function say(element: HTMLElement, text: string): void {
  setText(element, text)
  window.clearTimeout(timers.get(element))
  const timer = window.setTimeout(() => setText(element, element.dataset.label ?? ''), SAID_MS)
  timers.set(element, timer)
}

async function write(text: string): Promise<boolean> {
  try {
    // Browsers define it only for pages on localhost or over HTTPS.
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copySelection(text)
  }
}

function copySelection(text: string): boolean {
  const focused = document.activeElement as HTMLElement | null
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  focused?.focus()
  return isCopied
}

/** An event to publish, as the API receives it. */
export interface EventBody {
  readonly data: string
  readonly event?: string
  readonly ephemeral?: boolean
}

/** Returns the command that publishes an event. The key is named, not contained. */
export function publishCommand(path: string, body: EventBody): string {
  return `curl ${posted(path, body)}`
}

/** Returns the command that listens as a client. A key opens no stream, but gets a ticket that does. */
export function listenCommand(client: string, topics: readonly string[]): string {
  const query = new URLSearchParams([['id', client], ...topics.map((topic) => ['topic', topic])])
  if (!key.get()) return `curl -N ${urlOf(`/sse?${query}`)}`
  const ticket = `curl -s ${posted('/tickets', { client, topics })} | cut -d'"' -f4`
  return `curl -N ${urlOf('/sse')}"?ticket=$(${ticket})"`
}

/** The arguments of curl that post JSON. */
function posted(path: string, body: object): string {
  const authorization = key.get() ? '-H "Authorization: Bearer $PUBLISH_KEY" ' : ''
  const json = quote(JSON.stringify(body))
  return `-H 'Content-Type: application/json' ${authorization}-d ${json} ${urlOf(path)}`
}

function urlOf(path: string): string {
  return quote(location.origin + base + path)
}

/** Quotes a text for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
