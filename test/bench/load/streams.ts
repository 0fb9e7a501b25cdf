/** Many streams that count the events they receive. */
import { createDelays, type Delays } from './delays.ts'
import { leftAtUs, MARK, STRIDE } from './payload.ts'
import { connect, nowUs, type Socket, within } from './sockets.ts'

/** Connections that are being opened at the same time. */
const AT_ONCE = 256
const OPENING_MS = 60_000

interface Stream {
  open: boolean
  frames: number
  /** Whether its delays are recorded. */
  readonly sampled: boolean
  opened: () => void
  failed: (error: Error) => void
  readonly request: string
  readonly onText: ((text: string) => void) | undefined
}

/** How streams are opened. */
export interface Opening {
  readonly count: number
  path(index: number): string
  readonly lastEventId?: string | undefined
  /** Receives everything the first stream receives. */
  readonly onText?: ((text: string) => void) | undefined
}

/** Many streams. */
export interface Streams {
  readonly size: number
  readonly delays: Delays
  /** Events delivered, all streams together. */
  delivered(): number
  /** The fewest and the most events that any stream received. */
  spread(): { readonly least: number; readonly most: number }
  open(opening: Opening): Promise<void>
  /** Resolves when that many events are delivered in all. */
  reach(total: number, maxMs: number): Promise<void>
  leave(): Promise<void>
}

/** Creates an empty set of streams. @param sampleEvery - every nth stream records its delays */
export function createStreams(port: number, sampleEvery: number): Streams {
  const delays = createDelays()
  let sockets: Socket<Stream>[] = []
  let total = 0
  let goal = Number.POSITIVE_INFINITY
  let reached: () => void = () => {}
  let lost: string | undefined
  let leaving = false

  const handlers = {
    open: (socket: Socket<Stream>) => void socket.write(socket.data.request),
    data: receive,
    close: (socket: Socket<Stream>) => {
      if (!leaving) lost = 'a stream was closed'
      socket.data.failed(new Error('closed before it was open'))
    },
    error: (socket: Socket<Stream>, error: Error) => {
      lost = error.message
      socket.data.failed(error)
    },
  }

  return {
    get size() {
      return sockets.length
    },
    delays,
    delivered: () => total,
    spread,
    open,
    reach,
    leave,
  }

  function receive({ data: stream }: Socket<Stream>, bytes: Uint8Array): void {
    if (!stream.open && !begins(stream, bytes)) return
    stream.onText?.(text(bytes))
    const now = stream.sampled ? nowUs() : 0
    for (let at = bytes.indexOf(MARK); at !== -1; at = bytes.indexOf(MARK, at + STRIDE)) {
      stream.frames += 1
      total += 1
      if (stream.sampled) note(bytes, at, now)
    }
    if (total >= goal) reached()
  }

  function begins(stream: Stream, bytes: Uint8Array): boolean {
    const head = text(bytes)
    if (!head.startsWith('HTTP/1.1 200')) {
      stream.failed(new Error(head.slice(0, 300)))
      return false
    }
    stream.open = true
    stream.opened()
    return true
  }

  function note(bytes: Uint8Array, mark: number, now: number): void {
    const left = leftAtUs(bytes, mark)
    if (left !== undefined) delays.add((now - left) / 1_000)
  }

  function spread(): { least: number; most: number } {
    let least = Number.POSITIVE_INFINITY
    let most = 0
    for (const { data } of sockets) {
      least = Math.min(least, data.frames)
      most = Math.max(most, data.frames)
    }
    return { least, most }
  }

  async function open(opening: Opening): Promise<void> {
    leaving = false
    let next = 0
    const opener = async () => {
      while (next < opening.count) await openOne(opening, next++)
    }
    const openers = Array.from({ length: Math.min(AT_ONCE, opening.count) }, opener)
    await within(OPENING_MS, 'opening', Promise.all(openers))
  }

  async function openOne(opening: Opening, index: number): Promise<void> {
    const cursor = opening.lastEventId ? `Last-Event-ID: ${opening.lastEventId}\r\n` : ''
    const request = `GET ${opening.path(index)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n${cursor}\r\n`
    await new Promise<void>((opened, failed) => {
      const stream: Stream = {
        open: false,
        frames: 0,
        sampled: sockets.length % sampleEvery === 0,
        opened,
        failed,
        request,
        onText: index === 0 ? opening.onText : undefined,
      }
      connect(port, stream, handlers).then((socket) => void sockets.push(socket), failed)
    })
  }

  async function reach(wanted: number, maxMs: number): Promise<void> {
    if (lost) throw new Error(lost)
    if (total >= wanted) return
    goal = wanted
    const arrival = new Promise<void>((resolve) => {
      reached = resolve
    })
    await within(maxMs, `delivering ${wanted} events`, arrival).finally(() => {
      goal = Number.POSITIVE_INFINITY
    })
    if (lost) throw new Error(lost)
  }

  async function leave(): Promise<void> {
    leaving = true
    for (const socket of sockets) socket.terminate()
    sockets = []
    total = 0
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
