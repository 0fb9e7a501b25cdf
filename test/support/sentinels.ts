/** Sentinels that watch a primary, and replace it with its replica when it is gone. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './eventually.ts'
import { freePort } from './free-port.ts'
import { killRedis, launchRedis, sendCommand } from './redis.ts'

/** Sentinels of one primary. */
export interface Sentinels {
  /** Their addresses as `host:port`. */
  readonly addresses: readonly string[]
  /** Suspends one of them. */
  suspend(index: number): void
  close(): Promise<void>
}

/** Starts Sentinels; resolves when they know each other and the replica. */
export async function startSentinels(
  count: number,
  name: string,
  primary: { readonly port: number; readonly password: string },
): Promise<Sentinels> {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-sentinels-'))
  const ports: number[] = []
  const children: ChildProcess[] = []
  // One by one: a port that is free now may soon be taken.
  while (children.length < count) {
    const port = await freePort()
    children.push(await start(port))
    ports.push(port)
  }
  for (const port of ports) await until('the Sentinels know all', () => knowsAll(port))
  return {
    addresses: ports.map((port) => `127.0.0.1:${port}`),
    suspend: (index) => void children[index]?.kill('SIGSTOP'),
    close: async () => {
      await Promise.all(children.map(killRedis))
      rmSync(folder, { recursive: true, force: true })
    },
  }

  function start(port: number): Promise<ChildProcess> {
    const own = mkdtempSync(join(folder, 'sentinel-'))
    const config = join(own, 'sentinel.conf')
    const quorum = Math.floor(count / 2) + 1
    writeFileSync(
      config,
      `port ${port}
bind 127.0.0.1
dir ${own}
sentinel monitor ${name} 127.0.0.1 ${primary.port} ${quorum}
sentinel auth-pass ${name} ${primary.password}
sentinel down-after-milliseconds ${name} 500
sentinel failover-timeout ${name} 3000
`,
    )
    return launchRedis([config, '--sentinel'], 'Sentinel ID is')
  }

  async function knowsAll(port: number): Promise<boolean> {
    const reply = await sendCommand(`redis://127.0.0.1:${port}`, ['SENTINEL', 'MASTER', name])
    const known = reply as Readonly<Record<string, unknown>>
    return known['num-slaves'] === '1' && known['num-other-sentinels'] === String(count - 1)
  }
}
