/** A TCP proxy that tests redirect, cut and pause: its clients notice no more than a lost connection. */
import { connect, createServer, type Socket } from 'node:net'

/** A proxy on a port of its own. */
export interface TcpProxy {
  readonly port: number
  /** What clients have sent since the last call of `redirect`. */
  readonly sent: string
  /** Resets open connections; new ones get through. */
  reset(): void
  /** Forwards to another port from now on; closes open connections. */
  redirect(port: number): void
  /** Closes all connections, and accepts no others. */
  cut(): void
  /** Holds back responses until `release`. */
  hold(): void
  release(): void
  /** Forwards responses up to this text, once, and then cuts. */
  cutBefore(text: string): void
  close(): Promise<void>
}

/** Opens a proxy to a port of this machine. */
export async function openTcpProxy(to: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const upstreams = new Set<Socket>()
  let target: number | undefined = to
  let held = false
  let sent = ''
  let cutText: string | undefined
  const server = createServer(accept)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()

  return {
    port: typeof address === 'object' && address ? address.port : 0,
    get sent() {
      return sent
    },
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    redirect,
    cut: () => redirect(undefined),
    hold: () => {
      held = true
      for (const upstream of upstreams) upstream.pause()
    },
    release: () => {
      held = false
      for (const upstream of upstreams) upstream.resume()
    },
    cutBefore: (text) => {
      cutText = text
    },
    close: async () => {
      redirect(undefined)
      await new Promise((resolve) => server.close(resolve))
    },
  }

  function redirect(port: number | undefined): void {
    target = port
    sent = ''
    for (const socket of sockets) socket.destroy()
  }

  function accept(client: Socket): void {
    if (target === undefined) {
      client.destroy()
      return
    }
    const upstream = connect(target, '127.0.0.1')
    upstreams.add(upstream)
    pair(client, upstream)
    pair(upstream, client)
    client.on('data', (bytes) => {
      sent += bytes.toString('latin1')
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => forward(client, bytes))
    if (held) upstream.pause()
  }

  function forward(client: Socket, bytes: Buffer): void {
    const end = cutText === undefined ? -1 : bytes.indexOf(cutText)
    if (end < 0) client.write(bytes)
    else {
      cutText = undefined
      client.write(bytes.subarray(0, end), () => redirect(undefined))
    }
  }

  /** When one end closes, the other does. */
  function pair(one: Socket, other: Socket): void {
    sockets.add(one)
    one.setNoDelay(true)
    one.on('error', () => {})
    one.on('close', () => {
      sockets.delete(one)
      upstreams.delete(one)
      other.destroy()
    })
  }
}
