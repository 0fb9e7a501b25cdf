/** Workers have defaults of their own, and variables as wrangler.toml may write them. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readWorkerConfig, WORKER_DEFAULTS } from '../../../src/adapters/cloudflare/settings.ts'
import { ConfigError, defaults } from '../../../src/server/config.ts'

/** An object's memory, and what a connection takes of it: docs/scaling.md has the measurement. */
const OBJECT_BYTES = 128e6
const CONNECTION_BYTES = 58e3

test('the default number of connections uses at most half of the memory of an object', () => {
  const { MAX_CONNECTIONS, MAX_QUEUED_BYTES, ...others } = readWorkerConfig({})
  expect(MAX_CONNECTIONS * CONNECTION_BYTES).toBeLessThan(OBJECT_BYTES / 2)
  expect(MAX_QUEUED_BYTES * 0.2 * MAX_CONNECTIONS).toBeLessThan(OBJECT_BYTES / 1.9)
  expect({ ...defaults, ...others }).toEqual(defaults)
})

test('the numbers of connections can be set, and empty variables count as absent', () => {
  const set = { MAX_CONNECTIONS: '50', MAX_QUEUED_BYTES: '1048576' }
  expect(readWorkerConfig(set)).toMatchObject({ MAX_CONNECTIONS: 50, MAX_QUEUED_BYTES: 1_048_576 })
  expect(readWorkerConfig({ MAX_CONNECTIONS: '' })).toEqual(readWorkerConfig({}))
})

test('several workers are refused: objects are not processes', () => {
  expect(() => readWorkerConfig({ WORKERS: 'auto' })).toThrow('WORKERS requires Node or Bun')
})

test('numbers, booleans and lists in TOML count as their text', () => {
  const variables = {
    HUB_SHARDS: 4,
    CLOCK_SECONDS: 0.5,
    RETRY_MS: 0,
    ALLOW_ANONYMOUS: true,
    CORS_ORIGINS: ['https://a.example', 'https://b.example'],
    HUB: {},
  }
  const { HUB, ...expected } = variables
  expect(readWorkerConfig(variables)).toMatchObject(expected)
})

test.each([
  ['HUB_SHARDS', 1.5],
  ['HUB_SHARDS', 1e21],
  ['HUB_SHARDS', true],
  ['RETRY_MS', -1],
  ['ALLOW_ANONYMOUS', 1],
  ['MAX_CONNECTIONS', { a: 1 }],
])('%s = %j is refused', (name, value) => {
  const read = () => readWorkerConfig({ [name]: value })
  expect(read).toThrow(ConfigError)
  expect(read).toThrow(name)
})

test.each(['configuration', 'cloudflare'])('docs/%s.md names the defaults of Workers', (page) => {
  const text = readFileSync(new URL(`../../../docs/${page}.md`, import.meta.url), 'utf8')
  for (const value of Object.values(WORKER_DEFAULTS)) {
    expect(text).toContain(page === 'cloudflare' ? Number(value).toLocaleString('en') : value)
  }
})
