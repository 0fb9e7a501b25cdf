/** The form that joins, and the state of the stream that it opens. */
import { at, say, timeOfDay } from './elements.ts'
import { createFeed } from './feed.ts'
import { type Listening, listen, type State } from './stream.ts'
import { wordsOf } from './words.ts'

/** Joining, as the rest of the page sees it. */
export interface Joining {
  /** Joins if the page's own address says so: a tab that was reloaded or duplicated. */
  resume(): void
  /** Asks for events of one more name. */
  also(name: string): void
  leave(): void
}

/** What the form needs from the rest of the page. */
export interface JoiningHooks {
  /** Is called before joining; false while a key is missing. */
  mayJoin(): boolean
  /** Is called when the hub has opened the stream. */
  joined(): void
}

/** Makes the form work. */
export function createJoining({ mayJoin, joined }: JoiningHooks): Joining {
  const fields = {
    client: at('client', HTMLInputElement),
    topics: at('topics', HTMLInputElement),
    names: at('names', HTMLInputElement),
  }
  const feed = createFeed({
    list: at('feed', HTMLElement),
    count: at('count', HTMLElement),
    ticks: at('ticks', HTMLInputElement),
  })
  let listening: Listening | undefined
  showState({ is: 'left' })
  at('clear', HTMLElement).addEventListener('click', feed.clear)
  at('leave', HTMLElement).addEventListener('click', leave)
  at('join', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    if (mayJoin()) join()
  })
  return { resume, also: (name) => listening?.also(name), leave }

  function join(): void {
    listening?.leave()
    const client = fields.client.value
    const topics = listOf(fields.topics.value)
    const names = listOf(fields.names.value)
    // Behind the #, so that no server sees it.
    const hash = new URLSearchParams({ client, topics: topics.join(), names: names.join() })
    history.replaceState(null, '', `#${hash}`)
    listening = listen({ client, topics, names }, { state: changeTo, event: showEvent })
  }

  function changeTo(state: State): void {
    showState(state)
    if (state.is === 'live') joined()
  }

  function leave(): void {
    listening?.leave()
    listening = undefined
    history.replaceState(null, '', location.pathname)
  }

  function resume(): void {
    const hash = new URLSearchParams(location.hash.slice(1))
    if (!hash.has('client')) return
    for (const [name, field] of Object.entries(fields)) field.value = hash.get(name) ?? ''
    join()
  }

  function showEvent(event: MessageEvent<string>): void {
    say(at('heard', HTMLElement), `Last heard at ${timeOfDay(new Date())}`)
    feed.add(event)
  }
}

function showState(state: State): void {
  const { label, tone, detail } = wordsOf(state)
  at('state', HTMLElement).dataset.tone = tone
  say(at('label', HTMLElement), label)
  say(at('detail', HTMLElement), detail)
  say(at('join-button', HTMLElement), state.is === 'left' ? 'Join' : 'Join again')
  at('leave', HTMLElement).hidden = state.is === 'left' || state.is === 'closed'
}

/** What commas separate, each once. */
function listOf(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...new Set(parts)].filter((part) => part !== '')
}
