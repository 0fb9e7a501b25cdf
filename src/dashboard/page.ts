/** The dashboard of a hub. Like any page, it uses an EventSource and the documented HTTP API. */
import { createAccess } from './access.ts'
import { createJoinForm } from './join.ts'
import { createOverview } from './overview.ts'
import { createSendForm } from './send.ts'

/** Milliseconds between two updates of the overview. */
const UPDATE_MS = 2_000

const overview = createOverview()
let startsSoFar = 0
const joinForm = createJoinForm({
  mayJoin: () => {
    // A start that is under way must not join a second time.
    startsSoFar += 1
    if (access.isMissing) access.focus()
    return !access.isMissing
  },
  // Without it, the table would not list a client that has just joined until the next update.
  joined: () => void overview.updateClients(),
})
const access = createAccess({ changed: start, forgotten: joinForm.leave })

createSendForm(joinForm.addEventName)
void start()
void keepUpdating()

/** Updates the overview with the current key, and joins if the hub accepts it. */
async function start(): Promise<void> {
  startsSoFar += 1
  const thisStart = startsSoFar
  await update()
  if (thisStart === startsSoFar && !access.isMissing) joinForm.resume()
}

/** Updates the overview periodically. A hidden page sends no requests. */
async function keepUpdating(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, UPDATE_MS))
    if (!document.hidden && !access.isMissing) await update()
  }
}

async function update(): Promise<void> {
  const result = await overview.update()
  if (!result.ok && result.status === 401) access.show(result.problem)
  else access.hide()
}
