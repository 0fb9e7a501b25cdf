/** The list of events as they arrive, newest first. */
import { createElement, plural, setText } from './elements.ts'

/** The maximum number of events in the list. The oldest are removed first. */
const MAX_ROWS = 200

/** The maximum number of characters of data in a row. */
const MAX_CHARACTERS = 2_000

const preciseTime = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})

/** The elements of the list. */
export interface EventListParts {
  readonly list: HTMLElement
  /** Shows the number of events. */
  readonly count: HTMLElement
  /** The checkbox that also shows the demo clock and heartbeats. */
  readonly ticks: HTMLInputElement
}

/** The list. */
export interface EventList {
  add(event: MessageEvent<string>): void
  clear(): void
}

/** Creates the list. */
export function createEventList({ list, count, ticks }: EventListParts): EventList {
  let total = 0
  let lastId = ''
  showCount()

  return {
    add: (event) => {
      // An event without an id has the id of the event before it.
      const id = event.lastEventId === lastId ? '' : event.lastEventId
      lastId = event.lastEventId
      if (isTick(event) && !ticks.checked) return
      list.prepend(createEventRow(event, id))
      if (list.childElementCount > MAX_ROWS) list.lastElementChild?.remove()
      total += 1
      showCount()
    },
    clear: () => {
      list.replaceChildren()
      total = 0
      showCount()
    },
  }

  function showCount(): void {
    const shown = total > MAX_ROWS ? `, the latest ${MAX_ROWS} shown` : ''
    setText(count, plural(total, 'event') + shown)
  }
}

function isTick({ type }: MessageEvent): boolean {
  return type === 'time' || type === 'hub:beat'
}

function createEventRow({ type, data }: MessageEvent<string>, id: string): HTMLElement {
  const row = createElement('li', '', type.startsWith('hub:') ? 'own' : '')
  const head = createElement('p')
  const now = new Date()
  const time = createElement('time', preciseTime.format(now))
  time.dateTime = now.toISOString()
  head.append(createElement('strong', type), time, createElement('code', id && `id ${id}`))
  const isTooLong = data.length > MAX_CHARACTERS
  const text = isTooLong ? `${data.slice(0, MAX_CHARACTERS)}… (${data.length} characters)` : data
  row.append(head, createElement('pre', text))
  return row
}
