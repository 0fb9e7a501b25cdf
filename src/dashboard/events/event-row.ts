/** One row of the list of events: a line or two, which opens to the whole event. */
import { copyText, publishCommand } from '../copy.ts'
import { createButton, createElement, plural, setText } from '../elements.ts'
import type { Entry } from './event-memory.ts'
import { parseStructure } from './json-tokens.ts'
import { colourJson, createTree } from './json-view.ts'

/** The maximum number of characters of data in the row of an event that is not open. */
const MAX_CHARACTERS = 2_000

/** JSON is coloured up to here: a row is a few lines high. */
const MAX_COLOURED = 240

/** Text that is longer is shown in part: the browser would lay out all of it. */
const MAX_OPEN = 50_000

const preciseTime = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})

/** A row. */
export interface EventRow {
  readonly entry: Entry
  readonly element: HTMLLIElement
  /** Shows what has changed: ticks of the clock share a row. */
  update(): void
}

/** Creates a row. */
export function createEventRow(entry: Entry): EventRow {
  const element = createElement('li', '', entry.kind)
  const details = createElement('details')
  const summary = createElement('summary')
  summary.tabIndex = -1
  const time = createElement('time')
  const times = createElement('span', '', 'times')
  const data = createElement('span', '', 'data')
  const what = createElement('span', '', 'what')
  what.append(createElement('strong', entry.event))
  if (entry.topic !== undefined) what.append(createElement('span', entry.topic, 'topic'))
  what.append(times)
  summary.append(what, time, data, createElement('code', entry.id, 'id'))
  details.append(summary)
  element.append(details)
  let shownTimes = 0
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(bodyOf(entry))
  })
  update()
  return { entry, element, update }

  function update(): void {
    if (entry.times === shownTimes) return
    shownTimes = entry.times
    const at = new Date(entry.at)
    setText(time, preciseTime.format(at))
    time.dateTime = at.toISOString()
    setText(times, entry.times > 1 ? `×${entry.times}` : '')
    data.replaceChildren(...previewOf(entry.data))
  }
}

function previewOf(data: string): (Node | string)[] {
  const text = data.length > MAX_CHARACTERS ? `${data.slice(0, MAX_CHARACTERS)}…` : data
  if (!/^\s*[[{]/.test(data)) return [text]
  return [...colourJson(text.slice(0, MAX_COLOURED)), text.slice(MAX_COLOURED)]
}

function bodyOf({ data, event, address }: Entry): HTMLElement {
  const body = createElement('div', '', 'body')
  const structure = parseStructure(data)
  const isCut = !structure && data.length > MAX_OPEN
  body.append(structure ? createTree(structure) : createElement('pre', data.slice(0, MAX_OPEN)))
  const bar = createElement('p', '', 'bar')
  const size = `${plural(data.length, 'character')}${isCut ? ', the first shown' : ''}`
  bar.append(createElement('span', size, 'note'))
  bar.append(createButton('Copy data', 'link', (button) => copyText(button, data)))
  const name = event === 'message' ? {} : { event }
  if (address !== undefined) {
    const command = () => publishCommand(address, { data, ...name })
    bar.append(createButton('Copy as curl', 'link', (button) => copyText(button, command())))
  }
  body.append(bar)
  return body
}
