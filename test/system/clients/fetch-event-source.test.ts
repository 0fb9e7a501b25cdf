/** The `@microsoft/fetch-event-source` package against the Node server. */
import { fetchEventSource } from '@microsoft/fetch-event-source'
import { afterAll, beforeAll, vi } from 'vitest'
import { clientBehaviour } from './resumption.ts'

beforeAll(() => {
  // It is made for pages: it asks the document whether it is hidden, and the window for timers.
  vi.stubGlobal('window', { fetch, setTimeout, clearTimeout })
  vi.stubGlobal('document', { hidden: false, addEventListener() {}, removeEventListener() {} })
})
afterAll(() => void vi.unstubAllGlobals())

clientBehaviour('fetch-event-source', (url, hear) => {
  const leaving = new AbortController()
  void fetchEventSource(url, {
    signal: leaving.signal,
    // It calls this for every event, whatever its name.
    onmessage: ({ event, data }) => {
      if (!event.startsWith('hub:')) hear(data)
    },
    // It does not reconnect after the end of a stream unless this throws.
    onclose: () => {
      throw new Error('come back')
    },
    onerror: () => 50,
  })
  return { close: () => leaving.abort() }
})
