/** The page of a hub. It uses what any page can: an EventSource, and the documented HTTP interface. */
import { createAccess } from './access.ts'
import { createJoining } from './joining.ts'
import { createOverview } from './overview.ts'
import { createSending } from './sending.ts'

/** Milliseconds between two looks at figures and clients. */
const LOOK_MS = 2_000

const overview = createOverview()
const joining = createJoining({
  mayJoin: () => {
    if (access.isMissing) access.insist()
    return !access.isMissing
  },
  // Without it, the list would not show a client that has just joined until the next look.
  joined: () => void overview.refreshClients(),
})
const access = createAccess({ changed: arrive, forgotten: joining.leave })

createSending(joining.also)
void arrive()
void keepLooking()

/** Looks for the first time with what key there is, and joins if the hub lets in. */
async function arrive(): Promise<void> {
  await lookOnce()
  if (!access.isMissing) joining.resume()
}

/** A page that nobody sees asks for nothing. */
async function keepLooking(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    if (!document.hidden && !access.isMissing) await lookOnce()
  }
}

async function lookOnce(): Promise<void> {
  const answer = await overview.refresh()
  if (!answer.ok && answer.status === 401) access.ask(answer.problem)
  else access.settle()
}
