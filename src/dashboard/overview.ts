/** What operators see: the figures, and who is connected. */
import { type Client, createClients } from './clients.ts'
import { at, counted, say } from './elements.ts'
import { createGauge, createRate, metric } from './figures.ts'
import { type Answer, ask } from './hub.ts'

/** Clients that the table shows at the most. */
const MAX_CLIENTS = 50

const GAUGES = ['hono_sse_connections', 'hono_sse_clients', 'hono_sse_queued_bytes']
const RATES = ['hono_sse_deliveries_total']

/** The overview; each refresh returns the hub's answer about its clients. */
export interface Overview {
  refresh(): Promise<Answer>
  /** Refreshes the list alone: two samples close together would make a rate jump. */
  refreshClients(): Promise<Answer>
}

/** Makes the overview. */
export function createOverview(): Overview {
  const showClients = createClients(at('clients', HTMLTableSectionElement), disconnect)
  const figures = [
    ...GAUGES.map((name) => ({ name, show: createGauge(at(name, HTMLElement)) })),
    ...RATES.map((name) => ({ name, show: createRate(at(name, HTMLElement)) })),
  ]
  let hasMetrics = true
  let requests = 0
  return { refresh, refreshClients }

  async function refresh(): Promise<Answer> {
    const answer = await refreshClients()
    // One right covers both: who may not see the clients need not ask for the metrics.
    showFigures(answer.ok && hasMetrics ? await ask('GET', '/metrics') : answer)
    return answer
  }

  async function refreshClients(): Promise<Answer> {
    requests += 1
    const request = requests
    const answer = await ask('GET', `/clients?limit=${MAX_CLIENTS}`)
    // Two requests may overlap: only the answer to the latest is up to date.
    if (request === requests) showTable(answer)
    return answer
  }

  function showTable(answer: Answer): void {
    const note = at('clients-note', HTMLElement)
    const { clients, total } = answer.ok ? (JSON.parse(answer.text) as Listing) : NOBODY
    showClients(clients)
    const words = total > clients.length ? `The first ${clients.length} of ${total}.` : ''
    say(note, answer.ok ? words || `${counted(total, 'client')}.` : answer.problem)
  }

  function showFigures(answer: Answer): void {
    if (!answer.ok && answer.status === 404) hasMetrics = false
    const now = performance.now()
    const text = answer.ok && hasMetrics ? answer.text : ''
    for (const { name, show } of figures) show(metric(text, name), now)
    const why = answer.ok ? '' : `Figures are unavailable. ${answer.problem}`
    say(at('figures-note', HTMLElement), hasMetrics ? why : NO_METRICS)
  }
}

const NO_METRICS = 'Figures are unavailable: this hub has no /metrics.'

/** The answer to `GET /clients`. */
interface Listing {
  readonly clients: readonly Client[]
  readonly total: number
}

const NOBODY: Listing = { clients: [], total: 0 }

async function disconnect(client: string): Promise<void> {
  const answer = await ask('DELETE', `/clients/${encodeURIComponent(client)}`)
  const said = answer.ok
    ? `Said goodbye to ${client}. An EventSource comes back by itself.`
    : answer.problem
  say(at('disconnected', HTMLElement), said)
}
