/** Reconnects with the last id in a loop, as a client without EventSource has to. */
import type { Client } from './resumption.ts'

/** One connection: listens until the stream ends, and calls `hear` for each event. */
export type Stay = (
  lastEventId: string | undefined,
  signal: AbortSignal,
  hear: (event: { data: string; event?: string | undefined; id?: string | undefined }) => void,
) => Promise<void>

/** Connects again and again, until it is closed. */
export function returning(stay: Stay, hear: (data: string) => void): Client {
  const leaving = new AbortController()
  let lastEventId: string | undefined
  void comeAndGo()
  return { close: () => leaving.abort() }

  async function comeAndGo(): Promise<void> {
    while (!leaving.signal.aborted) {
      // However a connection ends, the next one resumes from the last id.
      await stay(lastEventId, leaving.signal, take).catch(() => {})
    }
  }

  function take({ data, event, id }: Parameters<Parameters<Stay>[2]>[0]): void {
    if (id) lastEventId = id
    if (!event?.startsWith('hub:')) hear(data)
  }
}

/** The header with which a client resumes. */
export function resumeWith(lastEventId: string | undefined): Record<string, string> {
  return lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
}
