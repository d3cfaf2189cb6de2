-- Enter, lock or count the calls of one endpoint, at the time of this server.
--
-- KEYS  state: of the account's calls as a whole
--       sent: the calls of the endpoint, by time
--       locked: until when the endpoint is closed
--       run: how often this process has been here
-- ARGV  action: take, lock or left
--       epoch, seen: what the process was told the last time, or '' and 0
--       fresh: a name for a new epoch
--       step: by how much the clock may step; microseconds
--       kept: milliseconds that are longer than all windows and locks
--       closed: how long a lock lasts; microseconds
--       calls and window, of each window, the shortest first; microseconds
-- Returns what the action asks for, how long to wait (microseconds), the epoch, and
-- how often this process has been here.
local state, sent, locked, run = unpack(KEYS)
local action, epoch, seen, fresh = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local step, kept, closed = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local windows = {}
for place = 8, #ARGV, 2 do
    table.insert(windows, { tonumber(ARGV[place]), tonumber(ARGV[place + 1]) })
end
local shortest, longest = windows[1][2], windows[#windows][2]

local known, clock, ahead, lost =
    unpack(redis.call('HMGET', state, 'epoch', 'clock', 'ahead', 'lost'))
clock, ahead, lost = tonumber(clock or 0), tonumber(ahead or 0), tonumber(lost or 0)

-- The server's clock may step back. This one then stands still; after a large
-- correction it goes on from where it was, ahead of the server's.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + ahead
if clock - now > step then
    ahead = ahead + clock - now
end
now = math.max(now, clock)

-- Data were lost if they are of another epoch than this process knows, or if the server
-- has gone back to a time before its last call. How many calls were made is then known
-- to nobody: the shortest window of each endpoint counts as full, once for all who find
-- out. To wait for an hour or a day would cost more than the lock that it avoids.
local times = tonumber(redis.call('GET', run) or 0)
if epoch ~= '' and epoch ~= known or epoch == known and times < seen then
    if not known or epoch == known then
        known, lost = fresh, 0
    end
    if lost == 0 then
        lost = now
    end
end
known = known or fresh
times = times + 1
redis.call('HSET', state, 'epoch', known, 'clock', now, 'ahead', ahead, 'lost', lost)
redis.call('PEXPIRE', state, kept)
redis.call('SET', run, times, 'PX', kept)

local function answer(result, wait)
    return { result, wait, known, times }
end

if action == 'lock' then
    redis.call('SET', locked, now + closed, 'PX', kept)
    return answer('locked', closed)
end
local lock = tonumber(redis.call('GET', locked) or 0) - now
if lock > 0 then
    return answer('locked', lock)
end
redis.call('ZREMRANGEBYSCORE', sent, '-inf', now - longest)
if lost > 0 and lost + shortest > now then
    return answer('full', lost + shortest - now)
end
local known_calls, left, wait = redis.call('ZCARD', sent), math.huge, 0
for _, each in ipairs(windows) do
    local calls, window = unpack(each)
    left = math.min(left, calls - redis.call('ZCOUNT', sent, now - window + 1, '+inf'))
    if known_calls >= calls then
        local leaving = redis.call('ZRANGE', sent, -calls, -calls, 'WITHSCORES')
        wait = math.max(wait, leaving[2] + window - now)
    end
end
if wait > 0 then
    return answer('full', wait)
end
if action == 'take' then
    redis.call('ZADD', sent, now, run .. ':' .. times)
    redis.call('PEXPIRE', sent, kept)
end
return answer(left, 0)
