/** The doctor behind Caddy: it finds each fault, and nothing else. */
import { describe, expect, test } from 'vitest'
import { isMissing } from '../../system/docs/real-proxies.ts'
import { type Call, type Fault, openClinic } from './faulty-proxy.ts'

const MISSING = isMissing('caddy', 'version')
const TITLE = `behind Caddy${MISSING ? ' (skipped: it is not installed)' : ''}`

const CONFIG = `
{
  admin off
  auto_https off
  storage file_system FOLDER
  servers {
    protocols h1 h2
  }
}
https://localhost:PORT {
  bind 127.0.0.1
  tls FOLDER/site.crt FOLDER/site.key
  reverse_proxy 127.0.0.1:HUB {
    transport http
  }
}
`

const PROXY = 'reverse_proxy 127.0.0.1:HUB {'

/** A fault of one more line in the proxy. */
function inProxy(line: string): Fault {
  return [[PROXY, `${PROXY}\n    ${line}`]]
}

/** A fault of more lines in the site. */
function inSite(...lines: string[]): Fault {
  return [[PROXY, [...lines, PROXY].join('\n  ')]]
}

const FAULTS: readonly [name: string, fault: Fault, found: string[], call?: Call][] = [
  ['nothing', [], []],
  ['a hub that compresses', [], [], { compresses: true }],
  ['a buffer', inProxy('buffer_responses'), ['fault buffering'], { flags: ['--timeout', '3'] }],
  [
    'compression',
    // Caddy respects no-transform.
    [
      ...inSite('encode {', '  gzip', '  minimum_length 1', '}'),
      ...inProxy('header_down -Cache-Control'),
    ],
    ['fault compression'],
    { flags: ['--timeout', '3'] },
  ],
  [
    'a time-out below the heartbeat',
    [['transport http', 'transport http {\n      read_timeout 2s\n    }']],
    ['fault idle'],
    { heartbeatMs: 4_000 },
  ],
  ['HTTP/1.1 alone', [['protocols h1 h2', 'protocols h1']], ['warning http-version']],
  ['a header that is removed', inProxy('header_up -Last-Event-ID'), ['fault last-event-id']],
  ['cookies that are removed', inProxy('header_up -Cookie'), ['fault cookie']],
  ['an unknown scheme', inProxy('header_up -X-Forwarded-Proto'), ['warning cookie']],
  [
    'CORS headers of its own',
    inProxy('header_down +Access-Control-Allow-Origin *'),
    ['fault cors'],
  ],
  ['a limit of bodies', inSite('request_body {', '  max_size 16KB', '}'), ['fault body-size']],
  ['a prefix that stays', [], ['fault hub'], { path: '/realtime' }],
  ['no hub', [['127.0.0.1:HUB', '127.0.0.1:1']], ['fault hub']],
]

describe.skipIf(MISSING)(TITLE, () => {
  const examine = openClinic({
    file: 'caddy',
    config: CONFIG,
    args: (path) => ['run', '--config', path, '--adapter', 'caddyfile'],
  })

  test.each(FAULTS)('with %s', async (_, fault, found, call) => {
    expect((await examine(fault, call)).found).toEqual(found)
  })
})
