/** The URLs that `REDIS_URL` may have. */
import { expect, test } from 'vitest'
import { parseRedisUrl } from '../../../src/journal/redis/redis-url.ts'

test.each([
  ['redis://localhost', 0],
  ['redis://:word@localhost:6380/', 0],
  ['rediss://user:word@localhost:6380/15', 15],
])('%s is the URL of a primary', (url, database) => {
  expect(parseRedisUrl(url)).toMatchObject({ database, sentinels: [], name: '' })
  expect(parseRedisUrl(url)?.primaryAt('')).toBe(url)
})

test.each([
  ['redis+sentinel://a/main', ['redis://a:26379'], 0, 'redis://10.0.0.1:6379/'],
  [
    'redis+sentinel://user:w%40rd@a:1,b,[::1]/main/3',
    ['redis://a:1', 'redis://b:26379', 'redis://[::1]:26379'],
    3,
    'redis://user:w%40rd@10.0.0.1:6379/3',
  ],
  [
    'rediss+sentinel://:word@a,b:2/main?sentinel_password=x/y',
    ['rediss://:x%2Fy@a:26379', 'rediss://:x%2Fy@b:2'],
    0,
    'rediss://:word@10.0.0.1:6379/',
  ],
  [
    'redis+sentinel://a:26380/main?sentinel_username=me&sentinel_password=x',
    ['redis://me:x@a:26380'],
    0,
    'redis://10.0.0.1:6379/',
  ],
])('%s names Sentinels', (url, sentinels, database, primary) => {
  const parsed = parseRedisUrl(url)
  expect(parsed).toMatchObject({ database, sentinels, name: 'main' })
  expect(parsed?.primaryAt('10.0.0.1:6379')).toBe(primary)
})

test.each([
  '',
  'localhost:6379',
  'http://localhost',
  'xredis://localhost',
  'redis://localhost/one',
  'redis+sentinel://a',
  'redis+sentinel://a/',
  'redis+sentinel://a:x/main',
  'redis+sentinel://a,,b/main',
  'redis+sentinel://a/main/one',
  'redis+sentinel://a/%zz',
])('%j is none', (url) => {
  expect(parseRedisUrl(url)).toBeUndefined()
})
