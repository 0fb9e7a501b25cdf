/**
 * The keyed events of the journal: for each address and name, `keyed:<address>\n<name>` is the list of the sequences of
 * its events, oldest first. The name is the key of the event, and at a pattern its topic and its key. Key and topic are
 * lines of a frame, so that it leads to its list.
 */

/** The overhead of a keyed event in Redis beyond its address and its key: that of the only one in its list. */
const KEYED_BYTES = 200

/** Lua: the time to live of a list. A log may live longer later, if `maxAge` rises: its lists must not expire before it. */
export const LIST_TTL = 'ttl + 86400000'

/**
 * Lua: `nameAt(address, frame)` returns by which name a frame is superseded in the log of an address, or nil: at a pattern, one
 * for several addresses is not, as it names no topic. `keyedList` returns the list of a name, and `keyedBytes` what an event
 * adds to it.
 */
export const KEYED: string = `
local function nameAt(address, frame)
  local key, rest = string.match(frame, '^id: %w+%-%d+\\n: key ([^\\n]*)\\n()')
  if not key or string.sub(address, 1, 2) ~= 'p:' then return key end
  local topic = string.match(frame, '^: topic ([^\\n]*)', rest)
  return topic and topic .. '\\n' .. key
end
local function keyedList(address, name)
  return base .. 'keyed:' .. address .. '\\n' .. name
end
local function keyedBytes(address, name)
  return #address + #name + ${KEYED_BYTES}
end
`

/** Lua within `evictions`: `forgetKeyed(address, frame)` removes an evicted frame from its list, if it is in one. */
export const FORGET_KEYED: string = `
${KEYED}
local function forgetKeyed(address, frame)
  local name = nameAt(address, frame)
  if not name then return end
  local list, sequence = keyedList(address, name), sequenceOf(frame)
  bytes = bytes - keyedBytes(address, name)
  local first = redis.call('LINDEX', list, 0)
  while first and tonumber(first) <= sequence do
    redis.call('LPOP', list)
    first = redis.call('LINDEX', list, 0)
  end
  if first then redis.call('PEXPIRE', list, ${LIST_TTL}) end
end
`
