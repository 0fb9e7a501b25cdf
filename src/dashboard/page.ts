/** The dashboard of a hub. Like any page, it uses an EventSource and the documented HTTP API. */

import { createJoinForm } from './join.ts'
import { createKeyForm } from './key-form.ts'
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
    if (keyForm.isMissing) keyForm.focus()
    return !keyForm.isMissing
  },
  // Without it, the table would not list a client that has just joined until the next update.
  joined: () => void overview.updateClients(),
})
const keyForm = createKeyForm({ changed: start, forgotten: joinForm.leave })

createSendForm(joinForm.addEventName)
void start()
void keepUpdating()

/** Updates the overview with the current key, and joins if the hub accepts it. */
async function start(): Promise<void> {
  startsSoFar += 1
  const thisStart = startsSoFar
  await update()
  if (thisStart === startsSoFar && !keyForm.isMissing) joinForm.resume()
}

/** Updates the overview periodically. A hidden page sends no requests. */
async function keepUpdating(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, UPDATE_MS))
    if (!document.hidden && !keyForm.isMissing) await update()
  }
}

async function update(): Promise<void> {
  const result = await overview.update()
  if (!result.ok && result.status === 401) keyForm.show(result.problem)
  else keyForm.hide()
}
