/** `hono-sse/client` in Node, against the Node server. */
import { connect } from '../../../src/client/connect.ts'
import { clientBehaviour } from './resumption.ts'

clientBehaviour('hono-sse/client', (url, hear) => {
  const stream = connect({ url })
  stream.on('message', hear)
  return stream
})
