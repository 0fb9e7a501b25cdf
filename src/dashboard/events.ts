/** The list of events as they arrive, newest first. */
import { make } from './elements.ts'

/** Events that the list keeps; the oldest go first. */
const MAX_ROWS = 200

/** Characters of data that a row shows. */
const MAX_CHARACTERS = 2_000

const precise = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})

/** What the feed is made of. */
export interface FeedParts {
  readonly list: HTMLElement
  /** Says how many events there were, and how many of them are shown. */
  readonly count: HTMLElement
  /** Whether the clock and heartbeats are shown, too. */
  readonly ticks: HTMLInputElement
}

/** A list that is shown. */
export interface Feed {
  add(event: MessageEvent<string>): void
  clear(): void
}

/** Makes the feed. */
export function createFeed({ list, count, ticks }: FeedParts): Feed {
  let total = 0
  let lastId = ''
  tell()

  return {
    add: (event) => {
      // An event without an id shows that of the one before.
      const id = event.lastEventId === lastId ? '' : event.lastEventId
      lastId = event.lastEventId
      if (isTick(event) && !ticks.checked) return
      list.prepend(rowOf(event, id))
      if (list.childElementCount > MAX_ROWS) list.lastElementChild?.remove()
      total += 1
      tell()
    },
    clear: () => {
      list.replaceChildren()
      total = 0
      tell()
    },
  }

  function tell(): void {
    count.textContent =
      total > MAX_ROWS ? `${total} events, the latest ${MAX_ROWS} shown` : `${total} events`
  }
}

function isTick({ type }: MessageEvent): boolean {
  return type === 'time' || type === 'hub:beat'
}

function rowOf({ type, data }: MessageEvent<string>, id: string): HTMLElement {
  const row = make('li', '', type.startsWith('hub:') ? 'own' : '')
  const head = make('p')
  const now = new Date()
  const time = make('time', precise.format(now))
  time.dateTime = now.toISOString()
  head.append(make('strong', type), time, make('code', id && `id ${id}`))
  const tooLong = data.length > MAX_CHARACTERS
  const text = tooLong ? `${data.slice(0, MAX_CHARACTERS)}… (${data.length} characters)` : data
  row.append(head, make('pre', text))
  return row
}
