/** The doctor behind Apache: it finds each fault, and nothing else. */
import { describe, expect, test } from 'vitest'
import { isMissing } from '../../system/docs/real-proxies.ts'
import { type Call, type Fault, openClinic } from './faulty-proxy.ts'

const MISSING = isMissing('apache2')
const TITLE = `behind Apache${MISSING ? ' (skipped: it is not installed)' : ''}`

/** Where Debian installs them. */
const MODULES = [
  'mpm_event',
  'authz_core',
  'deflate',
  'ext_filter',
  'filter',
  'headers',
  'http2',
  'proxy',
  'proxy_http',
  'rewrite',
  'setenvif',
  'socache_shmcb',
  'ssl',
].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)

const CONFIG = `
${MODULES.join('\n')}
ServerName localhost
User www-data
Group www-data
PidFile FOLDER/apache-PORT.pid
ErrorLog FOLDER/apache-PORT.log
Listen 127.0.0.1:PORT
SSLEngine on
SSLCertificateFile FOLDER/site.crt
SSLCertificateKeyFile FOLDER/site.key
Protocols h2 http/1.1
RequestHeader set X-Forwarded-Proto https
ProxyTimeout 60
ProxyPass / http://127.0.0.1:HUB/
`

/** A fault of more lines before the others of the site. */
function adding(...lines: string[]): Fault {
  return [['ProxyTimeout 60', [...lines, 'ProxyTimeout 60'].join('\n')]]
}

const NOT_COMPRESSED = 'SetEnvIf Request_URI "/sse$" no-gzip no-brotli'

const FAULTS: readonly [name: string, fault: Fault, found: string[], call?: Call][] = [
  ['nothing', [], []],
  [
    'a filter that waits for the end',
    adding('ExtFilterDefine end mode=output cmd=/usr/bin/sort', 'SetOutputFilter end'),
    ['fault buffering'],
    { flags: ['--timeout', '3'] },
  ],
  ['compression', adding('SetOutputFilter DEFLATE'), ['fault compression']],
  ['compression of all but streams', adding('SetOutputFilter DEFLATE', NOT_COMPRESSED), []],
  [
    'a time-out below the heartbeat',
    [['ProxyTimeout 60', 'Timeout 2']],
    ['fault idle'],
    { heartbeatMs: 4_000 },
  ],
  ['HTTP/1.1 alone', [['Protocols h2 http/1.1', 'Protocols http/1.1']], ['warning http-version']],
  [
    'a header that is removed',
    adding('RequestHeader unset Last-Event-ID'),
    ['fault last-event-id'],
  ],
  ['cookies that are removed', adding('RequestHeader unset Cookie'), ['fault cookie']],
  ['a cookie that is removed', adding('Header unset Set-Cookie'), ['fault cookie']],
  [
    'a cookie of another path',
    adding('Header edit Set-Cookie $ "; Path=/elsewhere"'),
    ['fault cookie'],
  ],
  [
    'an unknown scheme',
    [['RequestHeader set X-Forwarded-Proto https\n', '\n']],
    ['warning cookie'],
  ],
  [
    'a second CORS header',
    adding('Header always set Access-Control-Allow-Origin https://app.example'),
    ['fault cors'],
  ],
  ['an origin that is removed', adding('RequestHeader unset Origin'), ['fault cors']],
  ['a limit that is not for proxies', adding('LimitRequestBody 16384'), []],
  [
    'a limit of bodies',
    adding(
      'RewriteEngine On',
      'RewriteCond expr "%{HTTP:Content-Length} -gt 16384"',
      'RewriteRule . - [R=413]',
    ),
    ['fault body-size'],
  ],
  [
    'a prefix that stays',
    [['ProxyPass / http://127.0.0.1:HUB/', 'ProxyPass /realtime/ http://127.0.0.1:HUB/realtime/']],
    ['fault hub'],
    { path: '/realtime' },
  ],
  ['a prefix', [['ProxyPass /', 'ProxyPass /realtime/']], [], { path: '/realtime' }],
]

describe.skipIf(MISSING)(TITLE, () => {
  const examine = openClinic({
    file: 'apache2',
    config: CONFIG,
    args: (path) => ['-X', '-f', path],
  })

  test.each(FAULTS)('with %s', async (_, fault, found, call) => {
    expect((await examine(fault, call)).found).toEqual(found)
  })

  test('with no hub, it exits as for a hub that is unavailable', async () => {
    const fault: Fault = [['127.0.0.1:HUB', '127.0.0.1:1']]
    expect(await examine(fault)).toMatchObject({ found: ['fault hub'], exit: 69 })
  })
})
