/** The environment becomes a configuration, or one message that names every mistake. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { variableGroups } from '../../src/server/config/descriptions.ts'
import { type Config, ConfigError, defaults, readConfig } from '../../src/server/config.ts'

/** The table of the design, section 9, as far as it is built; the compiler sees that none is missing. */
const TABLE: Record<keyof Config, unknown> = {
  PORT: 3020,
  HOST: '127.0.0.1',
  WORKERS: 1,
  PUBLISH_KEY: [],
  METRICS_KEY: [],
  JWT_SECRET: undefined,
  JWKS_URL: undefined,
  JWT_ISSUER: undefined,
  JWT_AUDIENCE: undefined,
  ALLOW_ANONYMOUS: false,
  CORS_ORIGINS: [],
  CORS_HEADERS: [],
  TRUST_PROXY: 0,
  ATTEMPTS_PER_MINUTE: 60,
  STREAMS_PER_MINUTE: 0,
  PUBLISHES_PER_MINUTE: 0,
  REDIS_URL: undefined,
  REDIS_PREFIX: 'hono-sse',
  REDIS_EVICTION: 'refuse',
  HUB_SHARDS: 1,
  CLOCK_SECONDS: undefined,
  HEARTBEAT_SECONDS: 15,
  RETRY_MS: 2_000,
  JOURNAL_EVENTS: 1_000,
  JOURNAL_SECONDS: 300,
  JOURNAL_BYTES: 67_108_864,
  IDEMPOTENCY_SECONDS: 600,
  RETAINED_BYTES: 16_777_216,
  MAX_CONNECTIONS: 50_000,
  MAX_CONNECTIONS_PER_CLIENT: 100,
  CLIENT_OVERFLOW: 'refuse',
  MAX_QUEUED_BYTES: 1_048_576,
  MAX_EVENT_BYTES: 262_144,
  MAX_BATCH_EVENTS: 10_000,
  COMPRESS_MIN_BYTES: 0,
  LIFETIME_SECONDS: 3_600,
  DRAIN_SECONDS: 10,
  DRAIN_DELAY_SECONDS: undefined,
  TLS_CERT: undefined,
  TLS_KEY: undefined,
  PAGE: 'on',
  STREAM: 'native',
  LOG_LEVEL: 'info',
  WEBHOOK_URL: undefined,
  WEBHOOK_SECRET: [],
  WEBHOOK_BATCH_EVENTS: 1,
  OFFLINE_GRACE_SECONDS: 5,
}

const NUMBERS = Object.entries(TABLE).flatMap(([name, value]) =>
  typeof value === 'number' ? [name] : [],
)
const WHOLE = NUMBERS.filter((name) => !/_(SECONDS|MS)$/.test(name))

function complaint(environment: Record<string, unknown>): string {
  try {
    readConfig(environment)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return error instanceof Error ? error.message : ''
  }
  throw new Error(`Nothing is wrong with ${JSON.stringify(environment)}.`)
}

test('without an environment the documented defaults apply', () => {
  expect(readConfig({})).toEqual(TABLE)
  expect(readConfig({})).toEqual(defaults)
})

test('an empty variable counts as absent', () => {
  const empty = Object.fromEntries(Object.keys(TABLE).map((name) => [name, '']))
  expect(readConfig(empty)).toEqual(defaults)
})

test('unknown variables are ignored, whatever their value', () => {
  const bindings = { PATH: '/bin', port: '1', HUB: {}, KV: () => {}, MAX: undefined }
  expect(readConfig(bindings)).toEqual(defaults)
})

test('variables that are set are used', () => {
  const set = { PORT: '0', HOST: '::1', CLOCK_SECONDS: '0.5', MAX_CONNECTIONS: '7' }
  const taken = { PORT: 0, HOST: '::1', CLOCK_SECONDS: 0.5, MAX_CONNECTIONS: 7 }
  expect(readConfig({ ...set, LOG_LEVEL: 'debug' })).toEqual({
    ...defaults,
    ...taken,
    LOG_LEVEL: 'debug',
  })
})

describe.each(NUMBERS)('%s', (name) => {
  const wrong = ['1e3', ' 5', '5 ', '0x10', '-1', 'NaN', 'Infinity', '1,000', '1_000', 'ten', '٣']

  test.each([...wrong, '9'.repeat(16), '1.', '.5', '+1', '-0', '1\n'])('refuses %j', (value) => {
    expect(complaint({ [name]: value })).toContain(`${name} must be a number`)
  })

  test('accepts the default, spelled out', () => {
    const value = String(TABLE[name as keyof Config])
    expect(readConfig({ [name]: value })).toEqual(defaults)
  })
})

test.each(WHOLE)('%s is a whole number, and a fraction is refused', (name) => {
  const value = String(TABLE[name as keyof Config])
  expect(complaint({ [name]: `${value}.5` })).toContain(name)
})

test.each([
  ['PORT', '65536'],
  ['HEARTBEAT_SECONDS', '0'],
  ['MAX_CONNECTIONS', '0'],
  ['MAX_CONNECTIONS_PER_CLIENT', '0'],
  ['MAX_EVENT_BYTES', '0'],
  ['MAX_QUEUED_BYTES', '65535'],
  ['LIFETIME_SECONDS', '0'],
  ['WORKERS', '0'],
  ['WORKERS', '1025'],
  ['WORKERS', '1.5'],
  ['WORKERS', 'all'],
  ['PAGE', 'true'],
  ['STREAM', 'fast'],
  ['LOG_LEVEL', 'loud'],
  ['LOG_LEVEL', 'INFO'],
])('%s may not be %s', (name, value) => {
  expect(complaint({ [name]: value })).toMatch(new RegExp(`^ {2}${name} must be`, 'm'))
})

test('the number of workers is a number, or auto', () => {
  expect([readConfig({ WORKERS: '8' }).WORKERS, readConfig({ WORKERS: 'auto' }).WORKERS]).toEqual([
    8,
    'auto',
  ])
})

test('a list is split at commas, and spaces and empty items are ignored', () => {
  const set = { CORS_ORIGINS: ' https://a.example, ,http://b.example:8080,' }
  expect(readConfig(set)).toEqual({
    ...defaults,
    CORS_ORIGINS: ['https://a.example', 'http://b.example:8080'],
  })
})

test('an origin is normalized to the form that browsers send', () => {
  const set = { CORS_ORIGINS: 'HTTPS://App.Example:443,http://b.example:80,https://bücher.example' }
  const origins = ['https://app.example', 'http://b.example', 'https://xn--bcher-kva.example']
  expect(readConfig(set).CORS_ORIGINS).toEqual(origins)
})

test.each([
  ['PUBLISH_KEY', 'short'],
  ['PUBLISH_KEY', `${'k'.repeat(16)},short`],
  ['PUBLISH_KEY', 'sixteen chars é!!'],
  ['JWT_SECRET', 'x'.repeat(31)],
  ['JWKS_URL', 'ftp://keys.example'],
  ['JWKS_URL', 'keys'],
  ['JWKS_URL', 'https://user:word@keys.example'],
  ['ALLOW_ANONYMOUS', '1'],
  ['ALLOW_ANONYMOUS', 'TRUE'],
  ['CORS_ORIGINS', '*'],
  ['CORS_ORIGINS', 'https://*.example'],
  ['CORS_ORIGINS', 'app.example'],
  ['CORS_ORIGINS', 'https://app.example/'],
  ['CORS_ORIGINS', 'https://app.example?a'],
  ['CORS_ORIGINS', 'https://user@app.example'],
  ['CORS_ORIGINS', 'https://app.example:99999'],
  ['CORS_HEADERS', 'X Trace'],
  ['TRUST_PROXY', 'true'],
  ['REDIS_URL', 'http://localhost:6379'],
  ['REDIS_URL', 'localhost:6379'],
  ['REDIS_URL', 'redis://localhost:6379/one'],
  ['REDIS_URL', 'redis+sentinel://localhost:26379'],
  ['REDIS_PREFIX', '{a}'],
  ['WEBHOOK_URL', 'http://receiver.example'],
  ['WEBHOOK_URL', 'https://user:word@receiver.example'],
  ['WEBHOOK_URL', 'receiver.example'],
  ['WEBHOOK_BATCH_EVENTS', '0'],
  ['WEBHOOK_BATCH_EVENTS', '1001'],
  ['WEBHOOK_SECRET', 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0'],
  ['WEBHOOK_SECRET', 'whsec_c2hvcnQ='],
  ['WEBHOOK_SECRET', 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0,other'],
  ['REDIS_EVICTION', 'yes'],
  ['REDIS_PREFIX', 'a b'],
  ['STREAMS_PER_MINUTE', '0.5'],
])('%s may not be %j, and the message does not repeat a secret', (name, value) => {
  const message = complaint({ [name]: value })
  expect(message).toContain(`  ${name} must be`.slice(0, -3))
  if (/KEY|SECRET/.test(name) && name !== 'JWKS_URL') expect(message).not.toContain(value)
})

test('tokens can be verified in only one way', () => {
  const set = { JWT_SECRET: 'x'.repeat(32), JWKS_URL: 'https://keys.example/jwks' }
  expect(complaint(set)).toContain('JWKS_URL')
  for (const [name, value] of Object.entries(set)) {
    expect(readConfig({ [name]: value })).toEqual({ ...defaults, [name]: value })
  }
})

test('several mistakes are reported in one message, one line each', () => {
  const message = complaint({
    PORT: 'x',
    LOG_LEVEL: 'x',
    DRAIN_SECONDS: '-1',
    MAX_CONNECTIONS: '0',
  })
  const [head, ...lines] = message.split('\n')
  expect(head).toMatch(/environment/)
  expect(lines.map((line) => line.trim().split(' ')[0]).sort()).toEqual([
    'DRAIN_SECONDS',
    'LOG_LEVEL',
    'MAX_CONNECTIONS',
    'PORT',
  ])
})

describe('a queue', () => {
  test('must have room for one event and 64 KiB', () => {
    const message = complaint({ MAX_EVENT_BYTES: '1048576' })
    expect(message).toContain('MAX_QUEUED_BYTES')
    expect(message).toContain('MAX_EVENT_BYTES')
    complaint({ MAX_EVENT_BYTES: '1000', MAX_QUEUED_BYTES: '66535' })
  })

  test('may have exactly that', () => {
    const set = { MAX_EVENT_BYTES: '1000', MAX_QUEUED_BYTES: '66536' }
    expect(readConfig(set)).toMatchObject({ MAX_EVENT_BYTES: 1_000, MAX_QUEUED_BYTES: 66_536 })
  })

  test('that is too small is reported together with other mistakes', () => {
    const message = complaint({ MAX_EVENT_BYTES: '1048576', PORT: 'x' })
    expect(message).toContain('PORT')
    expect(message).toContain('MAX_QUEUED_BYTES')
  })
})

test('docs/configuration.md lists exactly these variables, with these defaults', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const rows = page.matchAll(/^\|\s*`(\w+)`\s*\|([^|]*)\|/gm)
  const listed = [...rows].map(([, name, value]) => [name, value?.replaceAll('`', '').trim()])
  const real = Object.keys(TABLE).map((name) => [name, shown(defaults[name as keyof Config])])
  expect(listed.sort()).toEqual(real.sort())
})

test('docs/configuration.md has the groups of the help, and describes each variable in its words', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const sections = page.replaceAll('`', '').split('\n## ').slice(1)
  const titles = sections.map((section) => section.split('\n')[0])
  expect(titles).toEqual(Object.keys(variableGroups))
  for (const [i, members] of Object.values(variableGroups).entries()) {
    const rows = sections[i]?.matchAll(/^\| ([A-Z_]+) \|[^|]*\| (.*) \|$/gm) ?? []
    const meanings = [...rows].map(([, name = '', meaning = '']) => {
      const { length = 0 } = members[name as keyof Config] ?? {}
      return [name, meaning.slice(0, length).replaceAll("'", '’')]
    })
    expect(meanings).toEqual(Object.entries(members))
  }
})

test('the help describes each variable within a line', () => {
  const described = Object.values(variableGroups).flatMap((members) => Object.entries(members))
  expect(described.map(([name]) => name).sort()).toEqual(Object.keys(TABLE).sort())
  expect(described.filter(([, text]) => text.length > 62)).toEqual([])
})

/** A default as the page writes it. */
function shown(value: unknown): string {
  const text = String(value ?? '')
  return text === '' ? 'none' : text
}

test('rules between fields are reported together with mistakes in a field', () => {
  const message = complaint({
    PORT: '99999',
    MAX_QUEUED_BYTES: '100000',
    JWT_SECRET: 's'.repeat(32),
    JWKS_URL: 'https://issuer.example/keys',
    TLS_CERT: 'cert.pem',
  })
  for (const name of ['PORT', 'MAX_QUEUED_BYTES', 'JWKS_URL', 'TLS_CERT']) {
    expect(message).toContain(`  ${name} `)
  }
})

test('a metrics key requires other credentials, and is none of them', () => {
  const METRICS_KEY = 'a-metrics-key-0123456789'
  const PUBLISH_KEY = 'a-publish-key-0123456789'
  expect(complaint({ METRICS_KEY })).toContain('  METRICS_KEY requires PUBLISH_KEY')
  expect(complaint({ METRICS_KEY, PUBLISH_KEY: `${PUBLISH_KEY},${METRICS_KEY}` })).toContain(
    '  METRICS_KEY must differ from PUBLISH_KEY',
  )
  expect(complaint({ METRICS_KEY: 'short', PUBLISH_KEY })).toMatch(/ {2}METRICS_KEY must .*16/)
  expect(readConfig({ METRICS_KEY, PUBLISH_KEY }).METRICS_KEY).toEqual([METRICS_KEY])
})

test('webhooks require a URL and a secret', () => {
  const set = {
    WEBHOOK_URL: 'https://receiver.example',
    WEBHOOK_SECRET: `whsec_${btoa('s'.repeat(24))}`,
  }
  for (const [name, value] of Object.entries(set)) {
    expect(complaint({ [name]: value })).toContain('  WEBHOOK_SECRET and WEBHOOK_URL require')
  }
  expect(readConfig(set)).toMatchObject({ ...set, WEBHOOK_SECRET: [set.WEBHOOK_SECRET] })
})

test('a key and ALLOW_ANONYMOUS contradict each other', () => {
  expect(complaint({ ALLOW_ANONYMOUS: 'true', PUBLISH_KEY: 'k'.repeat(16) })).toContain(
    '  ALLOW_ANONYMOUS ',
  )
})
