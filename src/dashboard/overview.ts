/** The overview for operators: charts of the metrics, and the table of clients. */
import { type ApiResult, callApi } from './api.ts'
import { createGauge, createRate, metric } from './charts.ts'
import { type ClientRow, createClientTable } from './client-table.ts'
import { byId, plural, setText } from './elements.ts'

/** The maximum number of clients in the table. */
const MAX_CLIENTS = 50

const GAUGES = ['hono_sse_connections', 'hono_sse_clients', 'hono_sse_queued_bytes']
const RATES = ['hono_sse_deliveries_total']

/** The overview. Each update returns the result of `GET /clients`. */
export interface Overview {
  update(): Promise<ApiResult>
  /** Updates the table alone: two samples of the metrics close together would make a rate jump. */
  updateClients(): Promise<ApiResult>
}

/** Creates the overview. */
export function createOverview(): Overview {
  const showClients = createClientTable(byId('clients', HTMLTableSectionElement), disconnect)
  const charts = [
    ...GAUGES.map((name) => ({ name, addSample: createGauge(byId(name, HTMLElement)) })),
    ...RATES.map((name) => ({ name, addSample: createRate(byId(name, HTMLElement)) })),
  ]
  let hasMetrics = true
  let requests = 0
  return { update, updateClients }

  async function update(): Promise<ApiResult> {
    const result = await updateClients()
    // Both require the same permission: if the hub refuses one request, it refuses the other.
    showCharts(result.ok && hasMetrics ? await callApi('GET', '/metrics') : result)
    return result
  }

  async function updateClients(): Promise<ApiResult> {
    requests += 1
    const request = requests
    const result = await callApi('GET', `/clients?limit=${MAX_CLIENTS}`)
    // Two requests may overlap: only the result of the latest is up to date.
    if (request === requests) showTable(result)
    return result
  }

  function showTable(result: ApiResult): void {
    const note = byId('clients-note', HTMLElement)
    const { clients, total } = result.ok ? (JSON.parse(result.text) as Listing) : EMPTY_LISTING
    showClients(clients)
    const isPart = total > clients.length
    const text = isPart ? `The first ${clients.length} of ${total}.` : `${plural(total, 'client')}.`
    setText(note, result.ok ? text : result.problem)
  }

  function showCharts(result: ApiResult): void {
    if (!result.ok && result.status === 404) hasMetrics = false
    const now = performance.now()
    const text = result.ok && hasMetrics ? result.text : ''
    for (const { name, addSample } of charts) addSample(metric(text, name), now)
    const problem = result.ok ? '' : `Metrics are unavailable. ${result.problem}`
    setText(byId('figures-note', HTMLElement), hasMetrics ? problem : NO_METRICS)
  }
}

const NO_METRICS = 'Metrics are unavailable: this hub has no /metrics.'

/** The response to `GET /clients`. */
interface Listing {
  readonly clients: readonly ClientRow[]
  readonly total: number
}

const EMPTY_LISTING: Listing = { clients: [], total: 0 }

async function disconnect(client: string): Promise<void> {
  const result = await callApi('DELETE', `/clients/${encodeURIComponent(client)}`)
  const text = result.ok
    ? `Disconnected ${client}. An EventSource reconnects automatically.`
    : result.problem
  setText(byId('disconnected', HTMLElement), text)
}
