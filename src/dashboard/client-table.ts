/** The table of connected clients. */
import { createElement, setText, timeOfDay } from './elements.ts'

/** A row of `GET /clients`. */
export interface ClientRow {
  readonly client: string
  readonly connections: number
  /** When the oldest of its connections opened, in ISO 8601. */
  readonly since: string
  readonly queuedBytes: number
}

interface Row {
  readonly element: HTMLTableRowElement
  show(client: ClientRow): void
}

/** Creates the table. The row of a client is never moved or recreated, so that it keeps the focus. */
export function createClientTable(
  body: HTMLTableSectionElement,
  disconnect: (client: string) => void,
): (clients: readonly ClientRow[]) => void {
  const rows = new Map<string, Row>()
  return (clients) => {
    const connected = new Set(clients.map(({ client }) => client))
    for (const [client, { element }] of rows) {
      if (connected.has(client)) continue
      rows.delete(client)
      remove(element)
    }
    for (const client of clients) rowOf(client.client).show(client)
  }

  function rowOf(client: string): Row {
    const known = rows.get(client)
    if (known) return known
    const row = createRow(client, disconnect)
    rows.set(client, row)
    body.append(row.element)
    return row
  }
}

/** Removes a row. If its button has the focus, the table receives it, not the button of another client. */
function remove(element: HTMLTableRowElement): void {
  const table = element.closest('table')
  const hasFocus = element.contains(document.activeElement)
  element.remove()
  if (hasFocus) table?.focus()
}

function createRow(client: string, disconnect: (client: string) => void): Row {
  const element = createElement('tr')
  const name = createElement('th', client)
  name.scope = 'row'
  const since = createElement('small')
  name.append(since)
  const connections = createElement('td')
  const queued = createElement('td')
  const action = createElement('td')
  const button = createElement('button', 'Disconnect', 'quiet small')
  button.type = 'button'
  button.setAttribute('aria-label', `Disconnect ${client}`)
  button.addEventListener('click', () => disconnect(client))
  action.append(button)
  element.append(name, connections, queued, action)
  return {
    element,
    show: (row) => {
      setText(since, `since ${timeOfDay(new Date(row.since))}`)
      setText(connections, String(row.connections))
      setText(queued, `${row.queuedBytes} B`)
    },
  }
}
