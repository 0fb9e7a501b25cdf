/** The doctor behind HAProxy: it finds each fault, and nothing else. */
import { describe, expect, test } from 'vitest'
import { isMissing } from '../../system/docs/real-proxies.ts'
import { type Call, type Fault, openClinic } from './faulty-proxy.ts'

const MISSING = isMissing('haproxy')
const TITLE = `behind HAProxy${MISSING ? ' (skipped: it is not installed)' : ''}`

const CONFIG = `
defaults
  mode http
  retries 0
  timeout connect 5s
  timeout http-request 10s
  timeout client 60s
  timeout server 60s

frontend web
  bind 127.0.0.1:PORT ssl crt FOLDER/site.pem alpn h2,http/1.1
  http-request set-header X-Forwarded-Proto https
  option forwardfor
  default_backend hub

backend hub
  server hub1 127.0.0.1:HUB
`

/** A fault of more lines in the backend. */
function adding(...lines: string[]): Fault {
  return [['backend hub\n', ['backend hub', ...lines, ''].join('\n  ')]]
}

const FAULTS: readonly [name: string, fault: Fault, found: string[], call?: Call][] = [
  ['nothing', [], []],
  ['a hub that compresses', [], [], { compresses: true }],
  [
    'a buffer',
    adding(
      'http-response wait-for-body time 30s at-least 8000 if { res.hdr(content-type) -m beg text/event-stream }',
    ),
    ['fault buffering'],
    { flags: ['--timeout', '3'] },
  ],
  [
    'a time-out below the heartbeat',
    [['timeout server 60s', 'timeout server 2s']],
    ['fault idle'],
    { heartbeatMs: 4_000 },
  ],
  ['HTTP/1.1 alone', [[' alpn h2,http/1.1', '']], ['warning http-version']],
  [
    'a header that is removed',
    adding('http-request del-header Last-Event-ID'),
    ['fault last-event-id'],
  ],
  ['cookies that are removed', adding('http-request del-header Cookie'), ['fault cookie']],
  [
    'a cookie of another path',
    adding('http-response replace-header Set-Cookie (.*) "\\1; Path=/elsewhere"'),
    ['fault cookie'],
  ],
  [
    'an unknown scheme',
    [['http-request set-header X-Forwarded-Proto https\n', '\n']],
    ['warning cookie'],
  ],
  [
    'a CORS header for another page',
    adding('http-response set-header Access-Control-Allow-Origin https://other.example'),
    ['fault cors'],
  ],
  [
    'a limit of bodies',
    adding('http-request deny deny_status 413 if { req.hdr(content-length) -m int gt 16384 }'),
    ['fault body-size'],
  ],
  ['a prefix that stays', [], ['fault hub'], { path: '/realtime' }],
]

describe.skipIf(MISSING)(TITLE, () => {
  const examine = openClinic({
    file: 'haproxy',
    config: CONFIG,
    args: (path) => ['-db', '-f', path],
  })

  test.each(FAULTS)('with %s', async (_, fault, found, call) => {
    expect((await examine(fault, call)).found).toEqual(found)
  })

  test('with no hub, it exits as for a hub that is unavailable', async () => {
    const fault: Fault = [['127.0.0.1:HUB', '127.0.0.1:1']]
    expect(await examine(fault)).toMatchObject({ found: ['fault hub'], exit: 69 })
  })
})
