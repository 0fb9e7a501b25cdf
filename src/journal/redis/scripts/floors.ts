/**
 * Eviction floors: upper bounds of the last evicted sequences of more addresses than can be stored one
 * by one. Each address has three floors, chosen by its hash, which it shares with others: its own last
 * evicted sequence is at most the lowest of the three.
 */

/** The number of floors, and the bits of each. */
const FLOORS = 2_097_152
const BITS = 48

/** The index of the last floor. All together take 12 MB, once the limit on addresses is exceeded. */
export const LAST_FLOOR: string = `'u${BITS}', '#${FLOORS - 1}'`

/** Lua: `addFloors(args, key)` adds arguments of BITFIELD that get the floors of an address. */
const ADD_FLOORS = `
local function addFloors(args, key)
  local hash, size = redis.sha1hex(key), #args
  for i = 1, 3 do
    local index = tonumber(string.sub(hash, i * 6 - 5, i * 6), 16) % ${FLOORS}
    args[size + 1], args[size + 2], args[size + 3] = 'GET', 'u${BITS}', '#' .. index
    size = size + 3
  end
  return args
end
`

/** Lua: `raiseFloors` raises the floors of addresses whose own last evicted sequence is no longer stored. */
export const RAISE_FLOORS: string = `
${ADD_FLOORS}
local function raiseFloors(keysAndSequences)
  local get, set = {}, {}
  for i = 1, #keysAndSequences, 2 do addFloors(get, keysAndSequences[i]) end
  for i, floor in ipairs(redis.call('BITFIELD', floors, unpack(get))) do
    local sequence = tonumber(keysAndSequences[2 * math.floor((i - 1) / 3) + 2])
    local at, size = 3 * i, #set
    if sequence > floor then
      set[size + 1], set[size + 2], set[size + 3], set[size + 4] = 'SET', get[at - 1], get[at], sequence
    end
  end
  if #set > 0 then redis.call('BITFIELD', floors, unpack(set)) end
end
`

/** Lua: `lastEvicted(key, start)` returns an upper bound of the last evicted sequence of an address; a value up to `start` means that nothing after it was evicted. */
export const LAST_EVICTED: string = `
${ADD_FLOORS}
local function lastEvicted(key, start)
  local known = tonumber(redis.call('ZSCORE', evicted, key))
  if known or evictionFloor <= start then return known or 0 end
  if redis.call('EXISTS', floors) == 0 then return evictionFloor end
  return math.min(evictionFloor, unpack(redis.call('BITFIELD_RO', floors, unpack(addFloors({}, key)))))
end
`
