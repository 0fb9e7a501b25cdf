/** Listens with `hono-sse/client`, prints what it receives, and closes the stream at the event `close`. */
import process from 'node:process'
import { connect } from '../../dist/client/index.js'

const stream = connect({ url: `${process.env.HUB_URL}/sse`, client: 'alice' })
stream.onAny(({ data }) => {
  console.log(data)
  if (data === 'close') stream.close()
})
stream.onGap(({ reason }) => console.log(`gap: ${reason}`))
stream.onStatus(({ state }) => console.log(`status: ${state}`))
