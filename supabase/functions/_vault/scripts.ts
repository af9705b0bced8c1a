import { FINGERPRINT_CHARACTERS } from "./fingerprints.ts";
import { KEY_PREFIX, MARKS, MAX_VALUE_BYTES } from "./source.ts";

/** Reads one key: its fingerprint, its value and its TTL, at one moment. No fingerprint: the key is gone. */
const READ_KEY = `
local function read(key, salt)
  local value = redis.pcall('GET', key)
  if not value then return nil end
  if type(value) == 'table' then return '${MARKS.wrongType}', nil, redis.call('PTTL', key) end
  if #value > ${MAX_VALUE_BYTES} then return '${MARKS.tooLong}', nil, redis.call('PTTL', key) end
  return string.sub(redis.sha1hex(salt .. value), 1, ${FINGERPRINT_CHARACTERS}), value, redis.call('PTTL', key)
end`;

/**
 * A page of keys with fingerprints and TTLs, joined in Redis, so that the client need not parse 100,000 replies.
 * ARGV: cursor, salt, count. If few keys have the prefix, it continues scanning, up to ten times, before it returns.
 */
export const PAGE_SCRIPT = `${READ_KEY}
local cursor, salt, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
local names, fingerprints, ttls, unusable = {}, {}, {}, 0
local found, scans = 0, 0
repeat
  local reply = redis.call('SCAN', cursor, 'MATCH', '${KEY_PREFIX}*', 'COUNT', count)
  cursor = reply[1]
  scans = scans + 1
  for _, key in ipairs(reply[2]) do
    local name = string.sub(key, ${KEY_PREFIX.length + 1})
    if #name > 200 or not string.find(name, '^[A-Za-z0-9_.:@-]+$') then
      unusable = unusable + 1
    else
      local fingerprint, _, ttl = read(key, salt)
      if fingerprint then
        found = found + 1
        names[found], fingerprints[found], ttls[found] = name, fingerprint, ttl
      end
    end
  end
until cursor == '0' or found >= count or scans >= 10
return { cursor, table.concat(names, ','), table.concat(fingerprints, ','), table.concat(ttls, ','), found, unusable }`;

/** Values by name: values ('' without one), fingerprints ('' when gone) and TTLs. ARGV: salt, names joined by commas. */
export const VALUES_SCRIPT = `${READ_KEY}
local values, fingerprints, ttls, index = {}, {}, {}, 0
for name in string.gmatch(ARGV[2], '[^,]+') do
  local fingerprint, value, ttl = read('${KEY_PREFIX}' .. name, ARGV[1])
  index = index + 1
  values[index], fingerprints[index], ttls[index] = value or '', fingerprint or '', ttl or -2
end
return { values, table.concat(fingerprints, ','), table.concat(ttls, ',') }`;

/** Reads an undeclared key, as the other scripts do. */
export const PROBE_SCRIPT = `return redis.call('PTTL', '${KEY_PREFIX}') + #redis.sha1hex('')`;

/** Counts keys from a cursor, ten scans at a time. ARGV: cursor. */
export const COUNT_SCRIPT = `
local cursor, count, scans = ARGV[1], 0, 0
repeat
  local reply = redis.call('SCAN', cursor, 'MATCH', '${KEY_PREFIX}*', 'COUNT', 1000)
  cursor, count, scans = reply[1], count + #reply[2], scans + 1
until cursor == '0' or scans >= 10
return { cursor, count }`;
