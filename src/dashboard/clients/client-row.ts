/** The row of a client, which opens to its connections, and to what an operator can do about them. */
import { callApi } from '../api.ts'
import { createButton, createElement, plural, setText } from '../elements.ts'
import { formatBytes } from '../figures/prometheus-text.ts'
import { ageOf, type ClientRow, type ConnectionRow, factsOf } from './listing.ts'

/** Seconds for which a client can be blocked. */
const BLOCKS: readonly (readonly [string, number])[] = [
  ['1 minute', 60],
  ['10 minutes', 600],
  ['1 hour', 3_600],
  ['1 day', 86_400],
]

/** A row. */
export interface ClientRowView {
  readonly element: HTMLLIElement
  show(client: ClientRow): void
}

/** Disconnects a client, and blocks it for some seconds. */
export type Disconnect = (client: string, blockSeconds: number) => void

/** Creates the row of a client. */
export function createClientRow(client: string, disconnect: Disconnect): ClientRowView {
  const element = createElement('li')
  const details = createElement('details')
  const summary = createElement('summary')
  summary.tabIndex = -1
  const facts = createElement('span', '', 'note')
  summary.append(createElement('strong', client), facts)
  const connections = createElement('div', '', 'connections')
  const body = createElement('div', '', 'body')
  body.append(connections, actionsOf(client, disconnect))
  details.append(summary, body)
  element.append(details)
  details.addEventListener('toggle', () => void update())
  return {
    element,
    show: (row) => {
      const queued = row.queuedBytes > 0 ? ` · ${formatBytes(row.queuedBytes)} queued` : ''
      const streams = plural(row.connections, 'stream')
      setText(facts, `${streams} · ${ageOf(row.since, Date.now())}${queued}`)
      void update()
    },
  }

  async function update(): Promise<void> {
    if (!details.open) return
    const result = await callApi('GET', `/clients/${encodeURIComponent(client)}`)
    const problem = createElement('p', result.ok ? '' : result.problem, 'error')
    const rows = result.ok ? (JSON.parse(result.text) as { connections: ConnectionRow[] }) : EMPTY
    const shown = rows.connections.slice(0, MAX_CONNECTIONS).map(factList)
    const rest = rows.connections.length - shown.length
    const note = createElement('p', rest > 0 ? `and ${rest.toLocaleString()} more` : '', 'note')
    connections.replaceChildren(
      ...shown,
      ...(rest > 0 ? [note] : []),
      ...(result.ok ? [] : [problem]),
    )
  }
}

/** The maximum number of connections that are shown of one client. */
const MAX_CONNECTIONS = 20

const EMPTY: { readonly connections: readonly ConnectionRow[] } = { connections: [] }

function factList(row: ConnectionRow): HTMLElement {
  const list = createElement('dl')
  for (const [name, text] of factsOf(row, Date.now())) {
    list.append(createElement('dt', name), createElement('dd', text))
  }
  return list
}

function actionsOf(client: string, disconnect: Disconnect): HTMLElement {
  const bar = createElement('p', '', 'row')
  const seconds = createElement('select')
  seconds.setAttribute('aria-label', `How long to block ${client}`)
  for (const [text, value] of BLOCKS) seconds.append(new Option(text, String(value)))
  const end = createButton('Disconnect', 'quiet small', () => disconnect(client, 0))
  end.setAttribute('aria-label', `Disconnect ${client}`)
  const block = createButton('Block', 'danger small', () =>
    disconnect(client, Number(seconds.value)),
  )
  block.setAttribute('aria-label', `Block ${client}`)
  bar.append(end, block, seconds)
  return bar
}
