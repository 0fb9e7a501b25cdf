/** The command and the server record traces with the OpenTelemetry that Node imports before them. */
import { expect, test } from 'vitest'
import { startFile } from '../support/cli.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'

test.each(['dist/cli.js', 'dist/node.js'])('%s continues the trace of a publish', async (file) => {
  const args = ['--import', './test/support/otel.mjs', file]
  const server = startFile(process.execPath, args, { environment: { PORT: '0' } })
  await server.prints('"listening"')
  const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(server.stdout) ?? []
  const headers = {
    'Content-Type': 'text/plain',
    traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`,
  }
  await fetch(`${url}/clients/alice`, { method: 'POST', headers, body: 'x' })
  await server.prints(`span publish client in ${TRACE_ID}`)
  await server.prints(`span POST /clients/:id in ${TRACE_ID}`)
  server.signal('SIGTERM')
  expect((await server.ended).exit).toBe(0)
})
