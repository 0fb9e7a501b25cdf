/**
 * Reserves file descriptors for Redis, DNS and other outgoing connections while clients have used up the
 * rest. Without the permission to read a file, UDP sockets on loopback hold them.
 */
import { createSocket, type Socket } from 'node:dgram'

/** Descriptors for files, Redis and the runtime itself. */
const RESERVED = 32

/** Where the sockets are bound. */
export const LOOPBACK = '127.0.0.1'

/** Descriptors that connections can't take, because they are open. */
export interface SocketReserve {
  /** Lets the process use the reserved descriptors. */
  release(): void
  /** Reserves them again. Resolves with false while fewer than twice as many are free. */
  refill(): Promise<boolean>
}

/** Opens the reserve. @param mayBind - whether this process may open sockets on loopback; otherwise, it is empty */
export async function createSocketReserve(mayBind: boolean): Promise<SocketReserve> {
  let held = mayBind ? await openMany(RESERVED) : []
  const isEmpty = held.length === 0
  return { release, refill }

  function release(): void {
    closeAll(held)
    held = []
  }

  async function refill(): Promise<boolean> {
    if (isEmpty || held.length > 0) return true
    const opened = await openMany(2 * RESERVED)
    const isEnough = opened.length === 2 * RESERVED
    if (isEnough) held = opened.splice(RESERVED)
    closeAll(opened)
    return isEnough
  }
}

/** Opens up to `count` sockets, and fewer when no more descriptors are free. */
async function openMany(count: number): Promise<Socket[]> {
  const opened: Socket[] = []
  try {
    while (opened.length < count) opened.push(await open())
  } catch {
    // The process may open no more files, or the machine has no such address.
  }
  return opened
}

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.on('error', reject)
    socket.bind(0, LOOPBACK, () => resolve(socket.unref()))
  })
}

function closeAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.close()
}
