/** The scripts of the backplane: control requests, and names that are used once. */
import { FIRST, type Script, script } from './script.ts'

/** The maximum number of control requests that are stored. */
const MAX_STORED_REQUESTS = 100_000

/** channel, message, request, milliseconds to store it → how many hubs received it; -1: too many are stored. */
export const CONTROL_REQUEST: Script = script(
  'control request',
  `
local ms, request, requestsKey = tonumber(ARGV[${FIRST + 3}]), ARGV[${FIRST + 2}], prefix .. ':requests'
if ms > 0 then
  redis.call('ZREMRANGEBYSCORE', requestsKey, '-inf', now)
  local isFull = redis.call('ZCARD', requestsKey) >= ${MAX_STORED_REQUESTS}
  if isFull and not redis.call('ZSCORE', requestsKey, request) then return -1 end
  redis.call('ZADD', requestsKey, now + ms, request)
  if redis.call('PTTL', requestsKey) < ms then redis.call('PEXPIRE', requestsKey, ms) end
end
return redis.call('PUBLISH', ARGV[${FIRST}], ARGV[${FIRST + 1}])
`,
)

/**
 * name, milliseconds → epoch, sequence, 1 for the first call with this name within that time, 0 for
 * every other. The last is missing in another epoch than the hub's, where names may be forgotten.
 */
export const USE_ONCE: Script = script(
  'use once',
  `
if writeError then return writeError end
if epoch ~= seenEpoch then return { epoch, seq } end
local isFirst = redis.call('SET', prefix .. ':used:' .. ARGV[${FIRST}], '1', 'NX', 'PX', ARGV[${FIRST + 1}])
return { epoch, seq, isFirst and 1 or 0 }
`,
)
