/**
 * Scripts that store and publish events once. `{prefix}:once:<name>` has the digest and the result of the event with
 * this name, until it expires. `{prefix}:once` is the sorted set of all names, by expiry, to count them. Both stay
 * when the journal starts a new root: only a Redis that loses its keys forgets them.
 */
import { MAX_NAMES } from '../../once.ts'
import { PUBLISH_KEYED } from './keyed/publish-keyed.ts'
import { PUBLISH } from './publish.ts'
import { FIRST, type JournalScript, type Script, script } from './script.ts'
import { PUBLISH_SEVERAL } from './several.ts'

/** What stands in the place of a result: the name is that of another event; too many names are stored. */
export const CONFLICT = 'conflict'
export const FULL = 'full'

/** What follows the result of an event that was stored before. */
export const REPEATED = 'repeated'

/** The maximum number of expired names that one call removes: more than it stores. */
const MAX_REMOVED = 1_000

/** Lua: finds the events whose names are new, and the results of the others. `own` are the arguments for what stores them. */
const FIND_NEW = `
local names, reply = prefix .. ':once', { epoch, seq }
local room = ${MAX_NAMES} - redis.call('ZCOUNT', names, '(' .. now, '+inf')
local own, listed, isListed, fresh, placeOf, same = { unpack(ARGV, 1, ${FIRST}) }, {}, {}, {}, {}, {}
for at = ${FIRST + 1}, #ARGV, 6 do
  local name, digest, place = ARGV[at + 2], ARGV[at + 3], #reply + 1
  local known, first = redis.call('GET', names .. ':' .. name), placeOf[name]
  if known then
    local of, result = string.match(known, '^(%S+) (.*)$')
    reply[place] = of == digest and result .. ' ${REPEATED}' or '${CONFLICT}'
  elseif first then
    -- Until it is stored, the digest stands in the place of the result.
    if reply[first] == digest then same[place] = first end
    reply[place] = '${CONFLICT}'
  elseif #fresh >= room then
    reply[place] = '${FULL}'
  else
    fresh[#fresh + 1], placeOf[name], reply[place] = at, place, digest
    own[#own + 1] = ARGV[at]
    own[#own + 1] = ARGV[at + 1]
    for key in string.gmatch(ARGV[at], '[^\\n]+') do
      if not isListed[key] then listed[#listed + 1] = key end
      isListed[key] = true
    end
  end
end
if not fresh[1] then return reply end
own[${FIRST}] = table.concat(listed, '\\n')
`

/** Lua: stores the names of the events that have just been stored. */
const STORE_NAMES = `
local longest = 0
for n, at in ipairs(fresh) do
  local name, ms = ARGV[at + 2], tonumber(ARGV[at + 4])
  local result = epoch .. '-' .. (seq - #fresh + n) .. ' ' .. stored[n + 2] .. ' ' .. ARGV[at + 5]
  redis.call('SET', names .. ':' .. name, ARGV[at + 3] .. ' ' .. result, 'PX', ms)
  redis.call('ZADD', names, now + ms, name)
  reply[placeOf[name]], longest = result, math.max(longest, ms)
end
for place, first in pairs(same) do reply[place] = reply[first] .. ' ${REPEATED}' end
local expired = redis.call('ZCOUNT', names, '-inf', now)
if expired > 0 then redis.call('ZREMRANGEBYRANK', names, 0, math.min(expired, ${MAX_REMOVED}) - 1) end
if redis.call('PTTL', names) < longest then redis.call('PEXPIRE', names, longest) end
reply[2] = seq
return reply
`

/**
 * Makes a script store events once. Before it stores the new ones, nothing is written: a Redis without free memory
 * refuses them as it refuses others.
 *
 * an empty text, (keys (one per line), body, name, digest, milliseconds, connections)… → epoch, sequence of the last
 * event, (result)…; a result is the event's id, instances and connections
 */
function once({ name, body }: JournalScript): Script {
  const store = `local stored = (function()\nlocal ARGV = own\n${body}\nend)()\nif stored.err then return stored end\n`
  return script(`${name} once`, FIND_NEW + store + STORE_NAMES)
}

/** The scripts that do once what others do. */
export const ONCE: ReadonlyMap<Script, Script> = new Map(
  [PUBLISH, PUBLISH_SEVERAL, PUBLISH_KEYED].map((one) => [one, once(one)]),
)
