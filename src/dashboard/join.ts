/** The form to join: opens a stream and shows its state and its events. */
import type { ClientStatus, Gap, ReceivedEvent } from '../client/index.ts'
import { copyText, listenCommand } from './copy.ts'
import { byId, setText, suggestText } from './elements.ts'
import { createEventList } from './events/event-list.ts'
import { requireText, showError, watchFields } from './problems.ts'
import { type StreamState, statusOf } from './status.ts'
import { openStream } from './stream.ts'

/** The form, as the rest of the page uses it. */
export interface JoinForm {
  /** Joins as the URL of the page or else the form says, unless this tab has left. @param client - unless one is named */
  start(client: string): void
  leave(): void
  /** The client that this page has joined as. */
  readonly client: string | undefined
}

/** What the form needs from the rest of the page. */
export interface JoinFormHooks {
  /** Called before joining. Returns false while a key is missing. */
  mayJoin(): boolean
  /** Called when the page joins as a client, or suggests to do so. */
  joining(client: string): void
  /** Called when the hub has opened the stream. */
  joined(): void
  /** Called with each event. */
  received(event: ReceivedEvent): void
}

/** Milliseconds without a response after which the page says so. */
const UNANSWERED_MS = 4_000

/** The most topics that a stream may follow. */
const MAX_TOPICS = 50

/** The fragment of a tab that has left, so that it does not join again when it is reloaded. */
const HAS_LEFT = '#left'

const LEFT: StreamState = { status: { state: 'left' }, topics: [], isBack: false }

/** Sets up the form. */
export function createJoinForm({ mayJoin, joining, joined, received }: JoinFormHooks): JoinForm {
  const fields = {
    client: byId('client', HTMLInputElement),
    topics: byId('topics', HTMLInputElement),
  }
  const events = createEventList()
  let close = () => {}
  let client: string | undefined
  let state = LEFT
  let timer: ReturnType<typeof setTimeout> | undefined
  showState(state)
  watchFields(Object.values(fields))
  byId('leave', HTMLElement).addEventListener('click', leave)
  byId('join', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    if (mayJoin() && isValid()) join()
  })
  byId('listen-curl', HTMLButtonElement).addEventListener('click', ({ currentTarget }) => {
    const command = listenCommand(fields.client.value, splitList(fields.topics.value))
    if (isValid()) void copyText(currentTarget as HTMLButtonElement, command)
  })
  return {
    start,
    leave,
    get client() {
      return client
    },
  }

  function isValid(): boolean {
    if (!requireText(fields.client, 'Enter a client id.')) return false
    if (splitList(fields.topics.value).length <= MAX_TOPICS) return true
    showError(fields.topics, `A stream follows at most ${MAX_TOPICS} topics.`)
    fields.topics.focus()
    return false
  }

  function join(): void {
    close()
    client = fields.client.value
    const topics = splitList(fields.topics.value)
    // In the fragment, which browsers do not send to servers.
    const hash = new URLSearchParams({ client, topics: topics.join() })
    history.replaceState(null, '', `#${hash}`)
    state = { ...LEFT, topics }
    joining(client)
    changeTo({ state: 'connecting' })
    const path = `/clients/${encodeURIComponent(client)}`
    const event = (received: ReceivedEvent) => showEvent(received, path)
    close = openStream({ client, topics }, { status: changeTo, event, gap: showGap })
  }

  function changeTo(changed: ClientStatus): void {
    const status = showRejected(changed) ? { ...changed, detail: undefined } : changed
    const wasLive = state.status.state === 'live'
    const isLive = status.state === 'live'
    clearTimeout(timer)
    state = { ...state, status, isBack: state.isBack || wasLive }
    if (!isLive) state = { ...state, gap: undefined }
    if (status.state === 'connecting' && !state.isBack) timer = setTimeout(warn, UNANSWERED_MS)
    if (status.state === 'waiting') events.note('waiting', status.reason)
    if (isLive) events.note('live', `${status.client} is connected.`)
    showState(state)
    if (isLive) joined()
  }

  /** Shows what the hub rejected beside the fields that it names. Returns false if it names none. */
  function showRejected(status: ClientStatus): boolean {
    if (status.state !== 'ended') return false
    const found = [...(status.detail ?? '').matchAll(/query\.(id|topic)\S* ([^;]+)/g)]
    for (const [, name, rule] of found) {
      if (name === 'id') showError(fields.client, `A client id ${rule}`)
      else showError(fields.topics, `A topic ${rule}`)
    }
    return found.length > 0
  }

  function warn(): void {
    showState({ ...state, status: { state: 'unanswered' } })
  }

  function showGap(gap: Gap): void {
    events.note('gap', JSON.stringify(gap))
    state = { ...state, gap }
    showState(state)
  }

  function leave(): void {
    close()
    close = () => {}
    client = undefined
    clearTimeout(timer)
    showState(LEFT)
    history.replaceState(null, '', HAS_LEFT)
  }

  function start(suggested: string): void {
    const hash = new URLSearchParams(location.hash.slice(1))
    if (hash.has('client')) {
      for (const [name, field] of Object.entries(fields)) field.value = hash.get(name) ?? ''
    }
    if (fields.client.value === '') suggestText(fields.client, suggested)
    joining(fields.client.value)
    if (location.hash !== HAS_LEFT) join()
  }

  function showEvent(event: ReceivedEvent, path: string): void {
    const { topic } = event
    received(event)
    events.add(event, topic === undefined ? path : `/topics/${encodeURIComponent(topic)}`)
  }
}

function showState(state: StreamState): void {
  const { label, tone, detail } = statusOf(state)
  const is = state.status.state
  byId('state', HTMLElement).dataset.tone = tone
  setText(byId('label', HTMLElement), label)
  setText(byId('detail', HTMLElement), detail)
  const join = byId('join-button', HTMLElement)
  setText(join, is === 'left' ? 'Join' : 'Join again')
  join.classList.toggle('quiet', is !== 'left' && is !== 'ended')
  byId('leave', HTMLElement).hidden = is === 'left' || is === 'ended'
}

/** Splits a text at its commas and drops empty and repeated parts. */
function splitList(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...new Set(parts)].filter((part) => part !== '')
}
