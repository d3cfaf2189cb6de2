-- Writes contacts if nothing has changed since they were read.
-- KEYS: the contacts.
-- ARGV: the ID of the server's start; how long to keep them (seconds); then for each
-- contact what was read and what to write, both empty for nothing.
-- Returns 1 if they were written.
local info = redis.call('INFO', 'server')
if not string.find(info, 'run_id:' .. ARGV[1], 1, true) then
    return 0
end
for place, key in ipairs(KEYS) do
    if (redis.call('GET', key) or '') ~= ARGV[2 * place + 1] then
        return 0
    end
end
for place, key in ipairs(KEYS) do
    local content = ARGV[2 * place + 2]
    if content == '' then
        redis.call('DEL', key)
    else
        redis.call('SET', key, content, 'EX', ARGV[2])
    end
end
return 1
