/** A Redis primary and its replica at one address; the replica takes over from a dead primary. */

import { startRedis } from './redis.ts'
import { openTcpProxy } from './tcp-proxy.ts'

/** Two servers that look like one. */
export interface RedisPair {
  /** Always reaches the current primary. */
  readonly url: string
  /** The port in it. */
  readonly port: number
  /** Sends one command to the current primary. */
  command(...args: string[]): Promise<unknown>
  /** Resolves when the replica has caught up with the primary. */
  caughtUp(): Promise<void>
  /** Stops replication. */
  fallBehind(): void
  /** Kills the primary, and puts the replica in its place with what it has. */
  failOver(): Promise<void>
  /** Makes the server that `url` leads to a replica, whose connections stay. */
  demote(): Promise<void>
  /** Makes it a primary again. */
  promote(): Promise<void>
  close(): Promise<void>
}

/** Starts a primary and a replica that follows it. */
export async function startRedisPair(): Promise<RedisPair> {
  const primary = await startRedis('none', ['repl-diskless-sync-delay 0'])
  const stream = await openTcpProxy(primary.port)
  const replica = await startRedis('none', [`replicaof 127.0.0.1 ${stream.port}`])
  const proxy = await openTcpProxy(primary.port)
  let now = primary
  const pair: RedisPair = {
    url: `redis://127.0.0.1:${proxy.port}`,
    port: proxy.port,
    command: (...args) => now.command(...args),
    caughtUp,
    fallBehind: stream.cut,
    failOver: async () => {
      stream.cut()
      proxy.cut()
      await primary.crash()
      await replica.command('REPLICAOF', 'NO', 'ONE')
      now = replica
      proxy.redirect(replica.port)
    },
    // Of a server that is not there: what it holds stays.
    demote: async () => void (await now.command('REPLICAOF', '127.0.0.1', '1')),
    promote: async () => void (await now.command('REPLICAOF', 'NO', 'ONE')),
    close: async () => {
      for (const part of [proxy, stream, primary, replica]) await part.close()
    },
  }
  await caughtUp()
  return pair

  async function caughtUp(): Promise<void> {
    while (!(await isCaughtUp())) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  async function isCaughtUp(): Promise<boolean> {
    const [mine, its] = await Promise.all(
      [primary, replica].map((server) => server.command('INFO', 'replication')),
    )
    const offset = (text: unknown) => /^master_repl_offset:(\d+)/m.exec(`${text}`)?.[1]
    return /^master_link_status:up/m.test(`${its}`) && offset(mine) === offset(its)
  }
}
