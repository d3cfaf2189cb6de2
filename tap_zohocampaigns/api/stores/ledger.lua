-- Enter, lock or count the calls of one endpoint, at the time of this server.
--
-- KEYS  state: of the account's calls as a whole
--       sent: the calls of the endpoint, by time
--       locked: until when the endpoint is closed
--       run: how often this process has been here
-- ARGV  action: take, lock or left
--       calls, window, closed, step: the quota, and by how much the clock may step;
--       microseconds
--       kept: milliseconds that are longer than all of these
--       epoch, seen: what the process was told the last time, or '' and 0
--       fresh: a name for a new epoch
-- Returns what the action asks for, how long to wait (microseconds), the epoch, and
-- how often this process has been here.
local state, sent, locked, run = unpack(KEYS)
local action, epoch, seen, fresh = ARGV[1], ARGV[7], tonumber(ARGV[8]), ARGV[9]
local calls, window, closed = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local step, kept = tonumber(ARGV[5]), tonumber(ARGV[6])

local known, clock, ahead, rest =
    unpack(redis.call('HMGET', state, 'epoch', 'clock', 'ahead', 'rest'))
clock, ahead, rest = tonumber(clock or 0), tonumber(ahead or 0), tonumber(rest or 0)

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
-- to nobody: the window counts as full, once for all who find out.
local times = tonumber(redis.call('GET', run) or 0)
if epoch ~= '' and epoch ~= known or epoch == known and times < seen then
    if not known or epoch == known then
        known, rest = fresh, 0
    end
    if rest == 0 then
        rest = now + window
    end
end
known = known or fresh
times = times + 1
redis.call('HSET', state, 'epoch', known, 'clock', now, 'ahead', ahead, 'rest', rest)
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
redis.call('ZREMRANGEBYSCORE', sent, '-inf', now - window)
local left = calls - redis.call('ZCARD', sent)
if rest > now then
    return answer('full', rest - now)
end
if left <= 0 then
    local leaving = redis.call('ZRANGE', sent, -calls, -calls, 'WITHSCORES')
    return answer('full', leaving[2] + window - now)
end
if action == 'take' then
    redis.call('ZADD', sent, now, run .. ':' .. times)
    redis.call('PEXPIRE', sent, kept)
end
return answer(left, 0)
