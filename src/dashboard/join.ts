/** The form to join: opens a stream and shows its state and its events. */
import { byId, setText, timeOfDay } from './elements.ts'
import { createEventList } from './events.ts'
import { statusOf } from './status.ts'
import { openStream, type State, type Stream } from './stream.ts'

/** The form, as the rest of the page uses it. */
export interface JoinForm {
  /** Joins if the URL of the page names a client: the tab was reloaded or duplicated. */
  resume(): void
  /** Also listens for events with this name. */
  addEventName(name: string): void
  leave(): void
}

/** What the form needs from the rest of the page. */
export interface JoinFormHooks {
  /** Called before joining. Returns false while a key is missing. */
  mayJoin(): boolean
  /** Called when the hub has opened the stream. */
  joined(): void
}

/** Sets up the form. */
export function createJoinForm({ mayJoin, joined }: JoinFormHooks): JoinForm {
  const fields = {
    client: byId('client', HTMLInputElement),
    topics: byId('topics', HTMLInputElement),
    names: byId('names', HTMLInputElement),
  }
  const events = createEventList({
    list: byId('feed', HTMLElement),
    count: byId('count', HTMLElement),
    ticks: byId('ticks', HTMLInputElement),
  })
  let stream: Stream | undefined
  showState({ is: 'left' })
  byId('clear', HTMLElement).addEventListener('click', events.clear)
  byId('leave', HTMLElement).addEventListener('click', leave)
  byId('join', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    if (mayJoin()) join()
  })
  return { resume, addEventName: (name) => stream?.addEventName(name), leave }

  function join(): void {
    stream?.leave()
    const client = fields.client.value
    const topics = splitList(fields.topics.value)
    const names = splitList(fields.names.value)
    // In the fragment, which browsers do not send to servers.
    const hash = new URLSearchParams({ client, topics: topics.join(), names: names.join() })
    history.replaceState(null, '', `#${hash}`)
    stream = openStream({ client, topics, names }, { state: changeTo, event: showEvent })
  }

  function changeTo(state: State): void {
    showState(state)
    if (state.is === 'live') joined()
  }

  function leave(): void {
    stream?.leave()
    stream = undefined
    history.replaceState(null, '', location.pathname)
  }

  function resume(): void {
    const hash = new URLSearchParams(location.hash.slice(1))
    if (!hash.has('client')) return
    for (const [name, field] of Object.entries(fields)) field.value = hash.get(name) ?? ''
    join()
  }

  function showEvent(event: MessageEvent<string>): void {
    setText(byId('last-event', HTMLElement), `Last event at ${timeOfDay(new Date())}`)
    events.add(event)
  }
}

function showState(state: State): void {
  const { label, tone, detail } = statusOf(state)
  byId('state', HTMLElement).dataset.tone = tone
  setText(byId('label', HTMLElement), label)
  setText(byId('detail', HTMLElement), detail)
  setText(byId('join-button', HTMLElement), state.is === 'left' ? 'Join' : 'Join again')
  byId('leave', HTMLElement).hidden = state.is === 'left' || state.is === 'closed'
}

/** Splits a text at its commas and drops empty and repeated parts. */
function splitList(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...new Set(parts)].filter((part) => part !== '')
}
