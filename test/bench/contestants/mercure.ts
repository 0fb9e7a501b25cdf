/** Mercure: its configuration, and how it is published to. Written from its documentation. */
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '../contestants.ts'
import type { Protocol } from '../job.ts'

const KEY = 'a key of the benchmark, as long as HS256 requires'

export const mercureProtocol: Protocol = {
  stream: '/.well-known/mercure?topic=all',
  broadcast: '/.well-known/mercure?to=all',
  ownStream: '/.well-known/mercure?topic={id}',
  target: '/.well-known/mercure?to={id}',
  replays: true,
  envelope: {
    headers: `Content-Type: application/x-www-form-urlencoded\r\nAuthorization: Bearer ${token()}\r\n`,
    body: 'topic={to}&data={data}',
  },
}

/** Starts the program, with its database in the folder. */
export function startMercure(file: string, port: number, folder: string): Command {
  const config = join(folder, 'Caddyfile')
  const jwt = ['publisher_jwt', 'subscriber_jwt'].map((name) => `${name} "${KEY}" HS256`)
  writeFileSync(
    config,
    `{
  auto_https off
  admin off
}
http://127.0.0.1:${port} {
  mercure {
    ${jwt.join('\n    ')}
    anonymous
    heartbeat 1h
    write_timeout 0s
  }
}
`,
  )
  const args = ['run', '--adapter', 'caddyfile', '--config', config]
  return { file, args, env: { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } }
}

function token(): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ mercure: { publish: ['*'] } })}`
  return `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`
}
