/** The `eventsource` package, which is the browser's EventSource for Node, against the Node server. */
import { EventSource } from 'eventsource'
import { clientBehaviour } from './resumption.ts'

clientBehaviour('eventsource', (url, hear) => {
  const source = new EventSource(url)
  source.addEventListener('message', ({ data }) => hear(data))
  return { close: () => source.close() }
})
