/** `hono-sse listen` behind a balancer that sets a cookie of its own: both cookies come back. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { KEY, run, start } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'

test('a ticket reconnects behind a balancer, with the cookie of the grant and its own', async () => {
  const hub = await startServer(COMMANDS.node, { PUBLISH_KEY: KEY, LIFETIME_SECONDS: '1' })
  const cookies: (string | undefined)[] = []
  const balancer = createServer((incoming, outgoing) => {
    if (incoming.url?.startsWith('/sse')) cookies.push(incoming.headers.cookie)
    const { method, headers } = incoming
    const forwarded = request(`${hub.url}${incoming.url}`, { method, headers }, (answer) => {
      const own = ['balancer=instance-1; Path=/', ...(answer.headers['set-cookie'] ?? [])]
      outgoing.writeHead(answer.statusCode ?? 0, { ...answer.headers, 'set-cookie': own })
      answer.pipe(outgoing)
    })
    forwarded.on('error', () => outgoing.destroy())
    incoming.pipe(forwarded)
  })
  await once(balancer.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`
  const environment = { PUBLISH_KEY: KEY }
  const { stdout } = await run(['ticket', url, '--client', 'bob'], { environment })
  const listener = start(['listen', url, '--ticket', stdout.trim()])
  try {
    await eventually(() => expect(cookies.length).toBeGreaterThan(2))
    const both = /^balancer=instance-1; hono-sse-[0-9a-f]{32}=\S+$/
    expect(cookies[0]).toBeUndefined()
    for (const cookie of cookies.slice(1)) expect(cookie).toMatch(both)
    expect(listener.stderr).not.toContain('401')
  } finally {
    listener.signal('SIGTERM')
    await listener.ended
    balancer.close()
    await hub.kill()
  }
})
