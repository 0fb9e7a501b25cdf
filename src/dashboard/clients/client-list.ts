/** The list of connected clients, with a search. */
import { type ApiResult, callApi } from '../api.ts'
import { byId, moveByArrows, plural, removeFrom, setText } from '../elements.ts'
import { type ClientRowView, createClientRow } from './client-row.ts'
import type { ClientListing, ClientRow } from './listing.ts'

/** The maximum number of rows. */
const MAX_ROWS = 50

/** A search looks through this many of the longest connected clients, and for the very id. */
const SEARCHED = 1_000

/** Milliseconds after the last key until a search starts. */
const TYPING_MS = 200

/** The list. */
export interface ClientList {
  /** Lists the clients that are connected now. Returns the result of `GET /clients`. */
  update(): Promise<ApiResult>
}

/** Creates the list. */
export function createClientList(): ClientList {
  const list = byId('clients', HTMLElement)
  const search = byId('search', HTMLInputElement)
  const rows = new Map<string, ClientRowView>()
  let requests = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  moveByArrows(list)
  search.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(update, TYPING_MS)
  })
  return { update }

  async function update(): Promise<ApiResult> {
    requests += 1
    const request = requests
    const wanted = search.value.trim()
    const result = await callApi('GET', `/clients?limit=${wanted ? SEARCHED : MAX_ROWS}`)
    const listing = result.ok ? (JSON.parse(result.text) as ClientListing) : EMPTY
    const found = wanted ? await searched(listing, wanted) : listing.clients
    // Two requests may overlap: only the result of the latest is up to date.
    if (request !== requests) return result
    showRows(found.slice(0, MAX_ROWS))
    setText(
      byId('clients-note', HTMLElement),
      result.ok ? noteOf(listing, found.length, wanted) : '',
    )
    setText(byId('clients-error', HTMLElement), result.ok ? '' : result.problem)
    return result
  }

  /** A row is never moved or created again, so that it keeps the focus and stays open. */
  function showRows(clients: readonly ClientRow[]): void {
    const connected = new Set(clients.map(({ client }) => client))
    for (const [client, { element }] of rows) {
      if (connected.has(client)) continue
      rows.delete(client)
      removeFrom(list, element)
    }
    for (const row of clients) {
      const known = rows.get(row.client) ?? createClientRow(row.client, disconnect)
      rows.set(row.client, known)
      if (!known.element.isConnected) list.append(known.element)
      known.show(row)
    }
  }

  async function disconnect(client: string, blockSeconds: number): Promise<void> {
    const query = blockSeconds > 0 ? `?block=${blockSeconds}` : ''
    const result = await callApi('DELETE', `/clients/${encodeURIComponent(client)}${query}`)
    const done =
      blockSeconds > 0
        ? `Blocked ${client} for ${plural(blockSeconds / 60, 'minute')}.`
        : `Disconnected ${client}. Its streams reconnect automatically.`
    setText(byId('disconnected', HTMLElement), result.ok ? done : '')
    // A client that was disconnected returns soon: its row would be gone, and with it the focus.
    if (blockSeconds > 0) await update()
    setText(byId('clients-error', HTMLElement), result.ok ? '' : result.problem)
  }
}

const EMPTY: ClientListing = { clients: [], total: 0 }

function noteOf({ clients, total }: ClientListing, found: number, wanted: string): string {
  if (!wanted) {
    return total > clients.length
      ? `the first ${clients.length} of ${total.toLocaleString()}`
      : plural(total, 'client')
  }
  const all = total > clients.length ? `the first ${clients.length.toLocaleString()} of ` : ''
  const shown = found > MAX_ROWS ? `, ${MAX_ROWS} shown` : ''
  return `${found.toLocaleString()} among ${all}${plural(total, 'client')}${shown}`
}

/** Searches a listing. Beyond what it lists, a client is found by its whole id. */
async function searched(
  { clients, total }: ClientListing,
  wanted: string,
): Promise<readonly ClientRow[]> {
  const text = wanted.toLowerCase()
  const found = clients.filter(({ client }) => client.toLowerCase().includes(text))
  if (found.length > 0 || total <= clients.length) return found
  const result = await callApi('GET', `/clients/${encodeURIComponent(wanted)}`)
  if (!result.ok) return []
  const { connections } = JSON.parse(result.text) as { connections: readonly ClientRow[] }
  const [oldest] = connections
  if (!oldest) return []
  const queuedBytes = connections.reduce((sum, row) => sum + row.queuedBytes, 0)
  return [{ client: wanted, connections: connections.length, since: oldest.since, queuedBytes }]
}
