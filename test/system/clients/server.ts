/** A server behind a TCP proxy that can cut connections, as a mobile network does in a tunnel. */
import { type Server, startServer } from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

/** A server, and a proxied URL for it that can be interrupted. */
export interface ServerBehindProxy {
  readonly server: Server
  /** Where the server itself listens: for publishers. */
  readonly url: string
  /** Where the proxy listens: for clients. */
  readonly proxyUrl: string
  /** Resets every connection through the proxy; new connections get through. */
  reset(): void
  close(): Promise<void>
}

/** Starts the Node server with short retries and without the clock. */
export async function startServerBehindProxy(): Promise<ServerBehindProxy> {
  const server = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0', RETRY_MS: '100' })
  const proxy = await openTcpProxy(Number(new URL(server.url).port))
  return {
    server,
    url: server.url,
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    reset: proxy.reset,
    close: async () => {
      await proxy.close()
      await server.kill()
    },
  }
}
