/** What a server on Node sets on its sockets, and that it survives its own errors. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { connect, type Server, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { serveNode } from '../../../src/adapters/node/server.ts'

/** Serves, and connects once. */
async function connected(onError?: (error: Error) => void) {
  const { port, abort, stop } = await serveNode({ fetch: () => new Response(), port: 0, onError })
  const socket = await new Promise<Socket & { readonly server: Server }>((resolve) => {
    const accepted = (message: unknown) => {
      const { socket } = message as { readonly socket: Socket & { readonly server: Server } }
      if (socket.localPort === port) resolve(socket)
    }
    subscribe('net.server.socket', accepted)
    onTestFinished(() => void unsubscribe('net.server.socket', accepted))
    const client = connect(port, '127.0.0.1')
    onTestFinished(() => void client.destroy())
  })
  onTestFinished(async () => {
    abort()
    await stop()
  })
  return { port, server: socket.server }
}

test.skipIf(process.platform !== 'linux')(
  'an idle connection is probed by TCP, so that a peer that vanished is noticed',
  async () => {
    const { port } = await connected()
    // The address, the state and the timer of each socket: 01 is established, 02 the timer of keep-alive.
    // https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
    const sockets = readFileSync('/proc/net/tcp', 'utf8').split('\n')
    const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
    const timers = sockets
      .map((line) => line.trim().split(/\s+/))
      .filter(([, address, , state]) => address === local && state === '01')
      .map((fields) => fields[5]?.slice(0, 2))
    expect(timers).toEqual(['02'])
  },
)

test('an error of a server that listens is reported, and does not end the process', async () => {
  const errors: Error[] = []
  const { server } = await connected((error) => errors.push(error))
  const error = new Error('accept failed')
  server.emit('error', error)
  expect(errors).toEqual([error])
})
