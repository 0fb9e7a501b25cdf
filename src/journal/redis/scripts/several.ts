/**
 * Events for several addresses: one frame, stored in the list of each address, and published once, on a channel of
 * all hubs. Versions that don't know this channel would lose such an event, so none is stored while a
 * hub listens to the channel of control requests and not to this one.
 */
import { PLACED, PUBLISH_TO_BUCKET } from './buckets.ts'
import { ENTRY_BYTES } from './evict.ts'
import { BEGIN_PUBLISH, endPublish } from './publish.ts'
import { type JournalScript, type Script, script } from './script.ts'

/** The end of the name of the channel. A message is the keys, one per line, an empty line, and the frame. */
export const SEVERAL = ':several'

/**
 * Lua: refuses a call while a hub listens to the channel of control requests and not to this one.
 * @param message - what an older version can't do, and what to do about it
 */
export function refuseOlder(channel: string, message: string): string {
  return `
local hubs = redis.pcall('PUBSUB', 'NUMSUB', prefix .. ':instances', prefix .. '${channel}')
if hubs.err then return hubs end
if hubs[2] > hubs[4] then
  return redis.error_reply('OLDER An instance of an older version ${message}')
end
`
}

const REFUSE_OLDER = refuseOlder(
  SEVERAL,
  'can’t receive events for several addresses: upgrade it, or publish to one address at a time.',
)

/**
 * Lua: `publishToSeveral` publishes a frame, and returns, of the numbers of hubs that listen to each of its
 * addresses, the highest: at least that many hubs have a listener.
 */
export const PUBLISH_TO_SEVERAL: string = `
${PUBLISH_TO_BUCKET}
local several = prefix .. '${SEVERAL}'
local function publishToSeveral(keys, frame)
  local ask, step = { 'NUMSUB' }, bucketOf and 2 or 1
  for key in string.gmatch(keys, '[^\\n]+') do
    ask[#ask + 1] = prefix .. ':address:' .. key
    if bucketOf then ask[#ask + 1] = bucketOf(key) end
  end
  redis.call('PUBLISH', several, keys .. '\\n\\n' .. frame)
  local found, most = redis.call('PUBSUB', unpack(ask)), 0
  for i = 2, #found, 2 * step do
    most = math.max(most, found[i] + (bucketOf and found[i + 2] or 0))
  end
  return most
end
`

/** keys (one per line), (keys of an event (one per line), body)… → epoch, sequence of the last event, (instances)… */
export const PUBLISH_SEVERAL: JournalScript = script(
  'publish several',
  `
${REFUSE_OLDER}
${PUBLISH_TO_SEVERAL}
${BEGIN_PUBLISH}
local stored = 0
while args[i] do
  local keys, frame = args[i], nextFrame(args[i + 1])
  i, count = i + 2, count + 1
  for key in string.gmatch(keys, '[^\\n]+') do if not skips(key) then
    local length = call('RPUSH', logs .. key, frame)
    if length == 1 then call('PEXPIRE', logs .. key, ttl) end
    stored, size = stored + 1, size + #frame + ${ENTRY_BYTES}
    if length > limit then
      surplus = surplus or {}
      surplus[key] = length - maxEvents
    end
  end end
  reply[count] = publishToSeveral(keys, frame)
end
events = events + stored
call('HINCRBY', KEYS[1], 'copies', stored - (count - 2))
${endPublish('stored')}
`,
)

/** On the head. prefix, keys (one per line), frame → how many hubs have a listener, at least. The frame is not stored. */
export const RELAY_SEVERAL: Script = {
  name: 'relay several',
  text: `
local prefix, head = ARGV[1], redis.call('HMGET', KEYS[1], 'format', 'seq')
local format = head[1]
${REFUSE_OLDER}
${PUBLISH_TO_SEVERAL}
${PLACED}
return publishToSeveral(ARGV[2], placed(ARGV[3], head[2]))
`,
}
