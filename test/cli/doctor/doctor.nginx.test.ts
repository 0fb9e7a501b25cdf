/** The doctor behind nginx: it finds each fault, and nothing else. */
import { describe, expect, test } from 'vitest'
import { isMissing } from '../../system/docs/real-proxies.ts'
import { type Call, type Fault, openClinic } from './faulty-proxy.ts'

const MISSING = isMissing('nginx')
const TITLE = `behind nginx${MISSING ? ' (skipped: it is not installed)' : ''}`

const FOLDERS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

const CONFIG = `
daemon off;
user root;
worker_processes 1;
pid FOLDER/nginx-PORT.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${FOLDERS.map((name) => `${name}_temp_path FOLDER/${name}-PORT;`).join('\n  ')}
  server {
    listen 127.0.0.1:PORT ssl http2;
    ssl_certificate FOLDER/site.crt;
    ssl_certificate_key FOLDER/site.key;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    location / {
      proxy_pass http://127.0.0.1:HUB;
    }
  }
}
`

const LOCATION = 'location / {'
const HEADER = 'proxy_set_header Host $host;'

/** A fault of one more line, inside the location or beside the headers. */
function adding(line: string, place = LOCATION): Fault {
  return [[place, `${place} ${line}`]]
}

const FAULTS: readonly [name: string, fault: Fault, found: string[], call?: Call][] = [
  ['nothing', [], []],
  ['a hub that compresses', [], [], { compresses: true }],
  [
    'a buffer',
    adding('proxy_ignore_headers X-Accel-Buffering; proxy_http_version 1.0;'),
    ['fault buffering'],
    { flags: ['--timeout', '3'] },
  ],
  ['compression', adding('gzip on; gzip_min_length 1; gzip_types *;'), ['fault compression']],
  [
    'compression, which leaves what the hub compresses as it is',
    adding('gzip on; gzip_min_length 1; gzip_types *;'),
    [],
    { compresses: true },
  ],
  [
    'a time-out below the heartbeat',
    adding('proxy_read_timeout 2s;'),
    ['fault idle'],
    { heartbeatMs: 4_000 },
  ],
  ['HTTP/1.1 alone', [['ssl http2', 'ssl']], ['warning http-version']],
  [
    'a header that is removed',
    adding('proxy_set_header Last-Event-ID "";', HEADER),
    ['fault last-event-id'],
  ],
  [
    'a credential that is removed',
    adding('proxy_set_header Authorization "";', HEADER),
    ['fault authorization'],
  ],
  ['cookies that are removed', adding('proxy_set_header Cookie "";', HEADER), ['fault cookie']],
  ['a cookie that is not passed on', adding('proxy_hide_header Set-Cookie;'), ['fault cookie']],
  ['an unknown scheme', [['proxy_set_header X-Forwarded-Proto $scheme;', '']], ['warning cookie']],
  [
    'CORS headers of its own',
    adding('add_header Access-Control-Allow-Origin * always;'),
    ['fault cors'],
  ],
  ['no Origin', adding('proxy_set_header Origin "";', HEADER), ['fault cors']],
  ['a limit of bodies', adding('client_max_body_size 16k;'), ['fault body-size']],
  [
    'a prefix that stays',
    [[LOCATION, 'location /realtime/ {']],
    ['fault hub'],
    { path: '/realtime' },
  ],
  ['no hub', [['http://127.0.0.1:HUB', 'http://127.0.0.1:1']], ['fault hub']],
  [
    'a certificate that expires',
    [
      ['site.crt', 'expiring.crt'],
      ['site.key', 'expiring.key'],
    ],
    ['warning certificate'],
  ],
  ['a certificate of nobody', [], ['fault certificate'], { trusted: false }],
]

describe.skipIf(MISSING)(TITLE, () => {
  const examine = openClinic({
    file: 'nginx',
    config: CONFIG,
    args: (path) => ['-e', 'stderr', '-c', path],
  })

  test.each(FAULTS)('with %s', async (_, fault, found, call) => {
    expect((await examine(fault, call)).found).toEqual(found)
  })
})
