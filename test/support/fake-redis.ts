/** A server that speaks the protocol of Redis, and replies what a test wants: failures that a real one shows rarely. */
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A running server. */
export interface FakeRedis {
  readonly url: string
  /** The commands so far, without those by which the client introduces itself. */
  readonly commands: readonly (readonly string[])[]
  /** The sockets that are open. */
  readonly sockets: ReadonlySet<Socket>
  /** Sends messages at once to all sockets that have subscribed to the channel. */
  send(channel: string, ...messages: readonly string[]): void
  close(): void
}

/** A reply as it is sent; `reply` makes one. Undefined: the server stays silent. */
export type Reply = string | undefined

/** Makes a reply. */
export const reply = {
  text: (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`,
  number: (value: number): string => `:${value}\r\n`,
  error: (message: string): string => `-${message}\r\n`,
} as const

/** Starts a server. @param answer - replies to a command other than those of subscriptions */
export async function startFakeRedis(
  answer: (command: readonly string[]) => Reply,
): Promise<FakeRedis> {
  const commands: (readonly string[])[] = []
  const sockets = new Set<Socket>()
  const subscribed = new Map<Socket, Set<string>>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let received = ''
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      for (let next = takeCommand(received); next; next = takeCommand(received)) {
        received = next.rest
        const response = respond(socket, next.command)
        if (response !== undefined) socket.write(response)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `redis://127.0.0.1:${port}`, commands, sockets, send, close }

  function respond(socket: Socket, command: readonly string[]): Reply {
    const [name = '', ...args] = command
    if (name === 'HELLO') return `%1\r\n${reply.text('server')}${reply.text('redis')}`
    if (name === 'CLIENT') return '+OK\r\n'
    commands.push(command)
    if (!/^(un)?subscribe$/i.test(name)) return answer(command)
    const channels = subscribed.get(socket) ?? new Set()
    subscribed.set(socket, channels)
    return args
      .map((channel) => {
        if (name.startsWith('un')) channels.delete(channel)
        else channels.add(channel)
        return push(name, channel, reply.number(channels.size))
      })
      .join('')
  }

  function send(channel: string, ...messages: readonly string[]): void {
    const pushes = messages.map((message) => push('message', channel, reply.text(message)))
    for (const [socket, channels] of subscribed) {
      if (channels.has(channel)) socket.write(pushes.join(''))
    }
  }

  function close(): void {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
}

function push(kind: string, channel: string, last: string): string {
  return `>3\r\n${reply.text(kind)}${reply.text(channel)}${last}`
}

/** Takes the first command, `*count` and then each word after its length, if all of it has arrived. */
function takeCommand(
  text: string,
): { readonly command: readonly string[]; readonly rest: string } | undefined {
  const [head, count] = /^\*(\d+)\r\n/.exec(text) ?? []
  if (head === undefined) return undefined
  const command: string[] = []
  let rest = text.slice(head.length)
  for (let n = 0; n < Number(count); n++) {
    const [line, length] = /^\$(\d+)\r\n/.exec(rest) ?? []
    if (line === undefined) return undefined
    const end = line.length + Number(length)
    if (rest.length < end + 2) return undefined
    command.push(Buffer.from(rest.slice(line.length, end), 'latin1').toString())
    rest = rest.slice(end + 2)
  }
  return { command, rest }
}
