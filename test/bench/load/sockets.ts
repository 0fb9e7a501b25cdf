/** Bun's raw sockets: one shared receive buffer, and little overhead per read. */

/** A socket that carries a state. */
export interface Socket<State> {
  data: State
  write(text: string): number
  /** Drops the connection without a goodbye. */
  terminate(): void
}

/** The callbacks of a socket. */
export interface Handlers<State> {
  open(socket: Socket<State>): void
  /** The bytes are the socket's own only until this returns. */
  data(socket: Socket<State>, bytes: Uint8Array): void
  close(socket: Socket<State>): void
  error(socket: Socket<State>, error: Error): void
}

declare const Bun: {
  connect<State>(options: {
    hostname: string
    port: number
    data: State
    socket: Handlers<State>
  }): Promise<Socket<State>>
}

/** Connects to a port of this machine. */
export function connect<State>(
  port: number,
  data: State,
  socket: Handlers<State>,
): Promise<Socket<State>> {
  return Bun.connect({ hostname: '127.0.0.1', port, data, socket })
}

/** Microseconds since some moment in the past, the same for the whole process. */
export function nowUs(): number {
  return performance.now() * 1_000
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves as the promise does, or rejects once the time is up. */
export function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} took over ${ms} ms`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
