/** Which errors of Redis end a server at its start: those that no retry can mend. */
import { expect, test } from 'vitest'
import { isFinal } from '../../src/server/redis.ts'

test.each([
  'NOAUTH Authentication required.',
  'WRONGPASS invalid username-password pair or user is disabled.',
  'NOPERM this user has no permissions to run the ’info’ command',
  'MOVED 3999 10.0.0.2:6379',
  'CROSSSLOT Keys in request don’t hash to the same slot',
  'ERR DB index is out of range',
  'ERR SELECT is not allowed in cluster mode',
  'ERR unknown command ’INFO’, with args beginning with: ',
  'The INFO of Redis lacks run_id or master_replid: connect to Redis or Valkey directly.',
  'FORMAT The journal has format 2, but this version of the hub knows formats up to 1',
  'The Sentinels know no primary named main.',
  'Cannot find package ’redis’ imported from journal.js',
])('%s is permanent', (reason) => expect(isFinal(reason)).toBe(true))

test.each([
  'connect ECONNREFUSED 127.0.0.1:6379',
  'LOADING Redis is loading the dataset in memory',
  'CLUSTERDOWN The cluster is down',
  'OOM command not allowed when used memory > maxmemory.',
  'Redis is a replica: connect to its primary.',
  'Redis may evict events: its maxmemory-policy is allkeys-lru.',
])('%s is temporary', (reason) => expect(isFinal(reason)).toBe(false))
