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

/** A list that is shown. */
export interface Feed {
  add(event: MessageEvent<string>): void
  clear(): void
}

/** Makes the feed of a list; `count` says how many there were, and how many are shown. */
export function createFeed(list: HTMLElement, count: HTMLElement): Feed {
  let total = 0
  tell()

  return {
    add: (event) => {
      list.prepend(rowOf(event))
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

function rowOf({ type, lastEventId, data }: MessageEvent<string>): HTMLElement {
  const row = make('li', '', type.startsWith('hub:') ? 'own' : '')
  const head = make('p')
  const now = new Date()
  const time = make('time', precise.format(now))
  time.dateTime = now.toISOString()
  head.append(make('strong', type), time, make('code', lastEventId && `id ${lastEventId}`))
  const tooLong = data.length > MAX_CHARACTERS
  const text = tooLong ? `${data.slice(0, MAX_CHARACTERS)}… (${data.length} characters)` : data
  row.append(head, make('pre', text))
  return row
}
