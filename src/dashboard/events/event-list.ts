/** The list of events as they arrive, newest first. It draws once per frame, however many arrive. */
import type { ReceivedEvent } from '../../client/index.ts'
import { byId, moveByArrows, plural, removeFrom, setText } from '../elements.ts'
import { createActivity } from './activity.ts'
import { createEventMemory } from './event-memory.ts'
import { createEventRow, type EventRow } from './event-row.ts'

/** The maximum number of rows. The oldest are removed first. */
const MAX_ROWS = 200

/** What is kept to be filtered: a page that is open for days must not grow. */
const MAX_ENTRIES = 1_000
const MAX_CHARACTERS = 4_000_000

/** More rows than these in a frame do not light up: it would cost more than drawing them. */
const MAX_ANIMATED = 3

/** The list. */
export interface EventList {
  /** Adds an event. @param address - the path that publishes to where it came from */
  add(event: ReceivedEvent, address: string): void
  /** Adds something that happened to the stream itself. */
  note(name: string, text: string): void
}

/** Creates the list. */
export function createEventList(): EventList {
  const list = byId('feed', HTMLElement)
  const count = byId('count', HTMLElement)
  const filter = byId('filter', HTMLInputElement)
  const pause = byId('pause', HTMLButtonElement)
  const memory = createEventMemory(MAX_ENTRIES, MAX_CHARACTERS)
  const activity = createActivity(byId('activity', HTMLElement))
  let rows: EventRow[] = []
  let isPaused = false
  let shownAtPause = 0
  let isScheduled = false

  moveByArrows(list)
  filter.addEventListener('input', () => {
    memory.filter(filter.value)
    shownAtPause = memory.shown
    startAgain()
  })
  pause.addEventListener('click', () => {
    isPaused = !isPaused
    shownAtPause = memory.shown
    schedule()
  })
  byId('clear', HTMLElement).addEventListener('click', () => {
    memory.clear()
    shownAtPause = 0
    startAgain()
  })
  draw()

  return {
    add: ({ event, id, topic, data }, address) => {
      const kind = isTick(event, id, data) ? 'tick' : 'event'
      memory.add({ kind, event, id, topic, address, data, at: Date.now() })
      activity.count()
      schedule()
    },
    note: (event, data) => {
      memory.add({ kind: 'own', event, data, at: Date.now() })
      schedule()
    },
  }

  /** A hidden page draws no frames: it catches up when it is shown. */
  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    requestAnimationFrame(() => {
      isScheduled = false
      draw()
    })
  }

  function startAgain(): void {
    list.replaceChildren()
    rows = []
    draw(true)
  }

  /** Also while paused if `always` is set. */
  function draw(always = false): void {
    if (!isPaused || always) drawRows()
    const { total, shown } = memory
    const isFiltered = filter.value !== ''
    const all = plural(total, 'event')
    const part = total > MAX_ROWS ? `${all}, the latest ${MAX_ROWS} shown` : all
    setText(count, isFiltered ? `${shown.toLocaleString()} of ${all}` : part)
    const missed = shown - shownAtPause
    setText(
      pause,
      isPaused ? `Resume${missed > 0 ? ` (${missed.toLocaleString()} new)` : ''}` : 'Pause',
    )
    pause.classList.toggle('quiet', !isPaused)
    list.dataset.empty = isFiltered && total > 0 ? 'No event matches the filter.' : 'No events yet.'
  }

  function drawRows(): void {
    rows[0]?.update()
    const last = rows[0]?.entry.number ?? 0
    const added = memory.latest(last, MAX_ROWS).map((entry) => createEventRow(entry))
    if (added.length === 0) return
    added.reverse()
    if (added.length <= MAX_ANIMATED) for (const { element } of added) element.classList.add('new')
    list.prepend(...added.map(({ element }) => element))
    rows = [...added, ...rows]
    for (const { element } of rows.splice(MAX_ROWS)) removeFrom(list, element)
  }
}

/** The demo clock sends the time, without an id. */
function isTick(event: string, id: string | undefined, data: string): boolean {
  return event === 'time' && id === undefined && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(data)
}
