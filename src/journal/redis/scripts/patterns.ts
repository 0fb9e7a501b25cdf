/**
 * Patterns: events for topics are stored and published at the patterns that cover them as well, from when a connection
 * follows a pattern for the first time. The head has at least the format `WITH_PATTERNS` then, so that versions that would not do
 * so refuse the journal, and the sequence after which the patterns are complete. While a hub of such a version is
 * connected, patterns can't be followed.
 */
import { WITH_PATTERNS } from './epoch.ts'
import { METADATA_TTL_MS } from './evict.ts'

/** The end of the name of the channel that all hubs subscribe to whose version knows patterns. Nothing is published there. */
export const PATTERNS = ':patterns'

/** Lua: `skips(key)`: whether an event is not stored or published at this key, because no pattern is followed. */
export const SKIPS_PATTERNS: string = `
local hasPatterns = storedPatternsAfter ~= nil
local function skips(key)
  return not hasPatterns and string.sub(key, 1, 2) == 'p:'
end
`

/**
 * Lua: `usePatterns` stores events at patterns from now on, and returns after which sequence they are complete; nil and an
 * error if that is not possible. Without free memory, Redis refuses HSET unless the script has written something before.
 */
export const USE_PATTERNS: string = `
local function usePatterns()
  if storedPatternsAfter then return storedPatternsAfter end
  local hubs = redis.pcall('PUBSUB', 'NUMSUB', prefix .. ':instances', prefix .. '${PATTERNS}')
  if hubs.err then return nil, hubs end
  if hubs[2] > hubs[4] then
    return nil, redis.error_reply('OLDER An instance of an older version does not store events ' ..
      'at patterns: upgrade it, or follow topics.')
  end
  local newFormat = tostring(math.max(tonumber(format) or 1, ${WITH_PATTERNS}))
  redis.pcall('PEXPIRE', KEYS[1], ttl + ${METADATA_TTL_MS})
  local reply = redis.pcall('HSET', KEYS[1], 'format', newFormat, 'patternsAfter', seq)
  if type(reply) == 'table' then return nil, reply end
  format, storedPatternsAfter = newFormat, seq
  return seq
end
`
