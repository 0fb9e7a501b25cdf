/** The dashboard of a hub. Like any page, it uses the client and the documented HTTP API. */
import { base, callApi, key } from './api.ts'
import { createClientList } from './clients/client-list.ts'
import { byId } from './elements.ts'
import { createFigures } from './figures/figures.ts'
import { createRoundTrip } from './figures/round-trip.ts'
import { createHelp } from './help.ts'
import { createJoinForm } from './join.ts'
import { createKeyForm } from './key-form.ts'
import { createSendForm } from './send.ts'

/** Milliseconds between two updates of the overview. */
const UPDATE_MS = 2_000

/** The client to join as. Where there is a key, `alice` may be someone. */
const suggestedClient = () => (key.get() ? 'dashboard' : 'alice')

byId('openapi', HTMLAnchorElement).href = `${base}/openapi.json`
const clients = createClientList()
const figures = createFigures(pingOneself)
const roundTrip = createRoundTrip(() => joinForm.client, figures.showRoundTrip)
const sendForm = createSendForm(roundTrip.ping)
let startsSoFar = 0
let keyReadsMetricsOnly = false
const joinForm = createJoinForm({
  mayJoin: () => {
    // A start that is under way must not join a second time.
    startsSoFar += 1
    if (keyForm.isMissing) keyForm.focus()
    return !keyForm.isMissing
  },
  joining: sendForm.suggest,
  // Without it, the list would lack a client that has just joined until the next update.
  joined: () => void clients.update(),
  received: ({ id }) => roundTrip.arrived(id),
})
const keyForm = createKeyForm({ changed: start, forgotten: joinForm.leave })

createHelp()
void start()
void keepUpdating()

/** Updates the overview with the current key, and joins if the hub accepts it. */
async function start(): Promise<void> {
  startsSoFar += 1
  const thisStart = startsSoFar
  await update()
  if (thisStart !== startsSoFar || keyForm.isMissing || keyReadsMetricsOnly) return
  joinForm.start(suggestedClient())
}

/** Updates the overview periodically. A hidden page sends no requests. */
async function keepUpdating(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, UPDATE_MS))
    if (!document.hidden && !keyForm.isMissing) await update()
  }
}

async function update(): Promise<void> {
  const sent = key.get()
  const listing = await clients.update()
  // A metrics key reads the metrics, although it may not list clients.
  const mayRead = listing.ok || listing.status === 403
  const metrics = mayRead && !figures.areMissing ? await callApi('GET', '/metrics') : listing
  // These answers are about a key that has been replaced since.
  if (key.get() !== sent) return
  figures.show(metrics)
  keyReadsMetricsOnly = sent !== '' && metrics.ok && !listing.ok
  byId('metrics-key', HTMLElement).hidden = !keyReadsMetricsOnly
  if (!listing.ok && listing.status === 401) keyForm.show(listing.problem)
  else keyForm.hide()
}

/** Pings the client that this page has joined as; before that, there is none. */
function pingOneself(): void {
  if (joinForm.client === undefined) byId('client', HTMLInputElement).focus()
  else void sendForm.ping(joinForm.client)
}
