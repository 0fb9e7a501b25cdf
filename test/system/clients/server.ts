/** The Node door, and a proxy before it that can cut the line as a train's tunnel does. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { NODE_DOOR } from '../../support/node.ts'
import type { Server } from '../../support/process.ts'
import { startServer } from '../../support/process.ts'

/** A server that clients reach through a line that can be cut. */
export interface Door {
  readonly server: Server
  /** Where the server itself listens: for publishers. */
  readonly url: string
  /** Where the line begins: for listeners. */
  readonly lineUrl: string
  /** Cuts all that is connected through the line; who comes back gets through. */
  cut(): void
  close(): Promise<void>
}

/** Starts the Node door with short retries and without the clock. */
export async function openDoor(): Promise<Door> {
  const command = NODE_DOOR
  const server = await startServer(command, { CLOCK_SECONDS: '0', RETRY_MS: '100' })
  const line = await openLine(Number(new URL(server.url).port))
  return {
    server,
    url: server.url,
    lineUrl: `http://127.0.0.1:${line.port}`,
    cut: line.cut,
    close: async () => {
      line.close()
      await server.kill()
    },
  }
}

async function openLine(
  target: number,
): Promise<{ port: number; cut: () => void; close: () => void }> {
  const sockets = new Set<Socket>()
  const line = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    near.pipe(far).pipe(near)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    port: (line.address() as AddressInfo).port,
    cut,
    close: () => {
      cut()
      line.close()
    },
  }
}
