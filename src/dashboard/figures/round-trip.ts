/** Measures how long pings to this page's own client take: from the request to the arrival of the event. */
import { type ApiResult, callApi } from '../api.ts'

/** The maximum time that an event may arrive after the response, in milliseconds. */
const LATE_MS = 5_000

/** The measurement. */
export interface RoundTrip {
  /** Pings a client. */
  ping(client: string): Promise<ApiResult>
  /** An event with this id has arrived. */
  arrived(id: string | undefined): void
}

/** Creates the measurement. @param measured - called with milliseconds. @param own - the client that this page is */
export function createRoundTrip(
  own: () => string | undefined,
  measured: (ms: number) => void,
): RoundTrip {
  /** Pings whose events have not arrived yet, by id. */
  const sent = new Map<string, number>()
  /** Events that arrive while a ping is without a response: one of them may be its own. */
  const early = new Map<string, number>()
  let unanswered = 0

  return {
    ping: async (client) => {
      const start = performance.now()
      unanswered += 1
      const result = await callApi('POST', `/ping/${encodeURIComponent(client)}`)
      unanswered -= 1
      if (result.ok && client === own()) answered(JSON.parse(result.text) as { id?: string }, start)
      if (unanswered === 0) early.clear()
      return result
    },
    arrived: (id) => {
      if (id === undefined) return
      const start = sent.get(id)
      if (start !== undefined) measured(performance.now() - start)
      else if (unanswered > 0) early.set(id, performance.now())
      sent.delete(id)
    },
  }

  function answered({ id }: { id?: string }, start: number): void {
    if (id === undefined) return
    const at = early.get(id)
    if (at !== undefined) measured(at - start)
    else {
      sent.set(id, start)
      setTimeout(() => sent.delete(id), LATE_MS)
    }
  }
}
