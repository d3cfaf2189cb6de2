-- Enters, ends or counts the calls of one endpoint, or locks it, at the time of this
-- server.
--
-- KEYS  state: of the account as a whole
--       sent: the calls of the endpoint, by the latest time at which each is counted
--       locked: until when the endpoint is locked
--       run: how often this process has called the script
--       limits: the quotas of all runs, by when each was last used
-- ARGV  action: enter, done, lock or remaining
--       name: of the call
--       epoch, seen: what the script last returned to the process, or '' and 0
--       fresh: a name for a new epoch
--       since: from when on all calls are known; microseconds
--       step: how far the clock may step; microseconds
--       kept: milliseconds that are longer than all windows and locks
--       closed: how long a lock lasts; microseconds
--       underway: how long a call may be underway; microseconds
--       least: the shortest time for which a call is kept; microseconds
--       calls and window, of each window, the shortest first; microseconds
-- Returns the result of the action, how long to wait (microseconds), the epoch, and how
-- often this process has called the script.
local state, sent, locked, run, limits = unpack(KEYS)
local action, name, epoch, seen, fresh, since =
    ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local step, kept, closed = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local underway, least = tonumber(ARGV[10]), tonumber(ARGV[11])
local windows = {}
for place = 12, #ARGV, 2 do
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

-- Data were lost if their epoch is not the one that this process knows, or if the server
-- went back to a time before this process's last call. Nothing then shows how many calls
-- were made, so the shortest window of each endpoint counts as full, once for all
-- processes. A wait of an hour or a day would cost more than the lock that it avoids.
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

-- Calls of a run with a longer window are kept for longer.
local function keep(key)
    redis.call('PEXPIRE', key, math.max(kept, redis.call('PTTL', key)))
end

redis.call('HSET', state, 'epoch', known, 'clock', now, 'ahead', ahead, 'lost', lost)
keep(state)
redis.call('SET', run, times, 'PX', kept)

local function answer(result, wait)
    return { result, wait, known, times }
end

if action == 'done' then
    redis.call('ZADD', sent, now, name)
    keep(sent)
    return answer('done', 0)
end
local lock = tonumber(redis.call('GET', locked) or 0) - now
if action == 'lock' then
    -- Runs may have different lengths of a lock in their settings; the longest counts.
    lock = math.max(lock, closed)
    redis.call('SET', locked, now + lock, 'PX', math.max(kept, math.ceil(lock / 1000)))
    return answer('locked', lock)
end

-- A longer window of another run counts too, as long as that run goes on. Calls are kept
-- for the longest window that any run has ever had.
redis.call('HSET', limits, windows[#windows][1] .. ':' .. longest, now)
keep(limits)
local noted = redis.call('HGETALL', limits)
for place = 1, #noted, 2 do
    local calls, window = string.match(noted[place], '(%d+):(%d+)')
    calls, window = tonumber(calls), tonumber(window)
    least = math.max(least, window)
    if window > longest and noted[place + 1] + window > now then
        table.insert(windows, { calls, window })
    end
end
redis.call('ZREMRANGEBYSCORE', sent, '-inf', now - least)

if lock > 0 then
    return answer('locked', lock)
end
lost = math.max(lost, math.min(since, now))
if lost > 0 and lost + shortest > now then
    return answer('full', lost + shortest - now)
end
local known_calls, remaining, wait = redis.call('ZCARD', sent), math.huge, 0
for _, limit in ipairs(windows) do
    local calls, window = unpack(limit)
    local counted = redis.call('ZCOUNT', sent, now - window + 1, '+inf')
    remaining = math.min(remaining, calls - counted)
    if known_calls >= calls then
        -- A call underway is counted later, but it may also end now.
        local leaving = redis.call('ZRANGE', sent, -calls, -calls, 'WITHSCORES')
        wait = math.max(wait, math.min(tonumber(leaving[2]), now) + window - now)
    end
end
if wait > 0 then
    return answer('full', wait)
end
if action == 'enter' then
    redis.call('ZADD', sent, now + underway, name)
    keep(sent)
end
return answer(remaining, 0)
