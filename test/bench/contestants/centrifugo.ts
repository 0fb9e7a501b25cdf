/** Centrifugo: its configuration, and how it is published to. Written from its documentation. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '../contestants.ts'
import type { Protocol } from '../job.ts'

export const centrifugoProtocol: Protocol = {
  stream: streamOf('all'),
  broadcast: '/api/publish?to=all',
  ownStream: streamOf('{id}'),
  target: '/api/publish?to={id}',
  envelope: {
    headers: 'Content-Type: application/json\r\n',
    body: '{"channel":"{to}","data":"{data}"}',
  },
}

/** Starts the program, as long a journal as the hub's. */
export function startCentrifugo(file: string, port: number, folder: string): Command {
  const config = join(folder, 'config.json')
  const settings = {
    http_server: { address: '127.0.0.1', port },
    log: { level: 'error' },
    client: { insecure: true, ping_interval: '3600s' },
    http_api: { insecure: true },
    uni_sse: { enabled: true },
    channel: { without_namespace: { history_size: 1_000, history_ttl: '300s' } },
  }
  writeFileSync(config, JSON.stringify(settings))
  return { file, args: ['--config', config] }
}

function streamOf(channel: string): string {
  const [before, after] = ['{"subs":{"', '":{}}}'].map(encodeURIComponent)
  return `/connection/uni_sse?cf_connect=${before}${channel}${after}`
}
