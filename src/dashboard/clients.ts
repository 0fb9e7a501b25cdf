/** The table of connected clients. */
import { make, say, timeOfDay } from './elements.ts'

/** A row of `GET /clients`. */
export interface Client {
  readonly client: string
  readonly connections: number
  /** Since when the first of them is open; ISO 8601. */
  readonly since: string
  readonly queuedBytes: number
}

interface Row {
  readonly element: HTMLTableRowElement
  show(client: Client): void
}

/** Makes the table; rows stay where they are as long as their client does, so that focus stays, too. */
export function createClients(
  body: HTMLTableSectionElement,
  disconnect: (client: string) => void,
): (clients: readonly Client[]) => void {
  const rows = new Map<string, Row>()
  return (clients) => {
    const here = new Set(clients.map(({ client }) => client))
    for (const [client, { element }] of rows) {
      if (here.has(client)) continue
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

/** Whoever is on its button stays at the table, and on no other client's button. */
function remove(element: HTMLTableRowElement): void {
  const table = element.closest('table')
  const hasFocus = element.contains(document.activeElement)
  element.remove()
  if (hasFocus) table?.focus()
}

function createRow(client: string, disconnect: (client: string) => void): Row {
  const element = make('tr')
  const name = make('th', client)
  name.scope = 'row'
  const since = make('small')
  name.append(since)
  const connections = make('td')
  const queued = make('td')
  const action = make('td')
  const button = make('button', 'Disconnect', 'quiet small')
  button.type = 'button'
  button.setAttribute('aria-label', `Disconnect ${client}`)
  button.addEventListener('click', () => disconnect(client))
  action.append(button)
  element.append(name, connections, queued, action)
  return {
    element,
    show: (row) => {
      say(since, `since ${timeOfDay(new Date(row.since))}`)
      say(connections, String(row.connections))
      say(queued, `${row.queuedBytes} B`)
    },
  }
}
