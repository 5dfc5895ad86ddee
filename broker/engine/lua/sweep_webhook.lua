-- sweep_webhook: removes a part of what a deleted endpoint has left.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] limit  lanes, and events that have ended, to remove at most
-- Returns 1 when nothing is left, else 0
-- @include webhooks
local base, last = KEY.webhook(id), tonumber(limit) - 1
for _, place in ipairs({ ':running', ':waiting' }) do
  for _, first in ipairs(call('ZRANGE', base .. place, 0, last)) do
    local lane = base .. ':lane:' .. (call('HGET', KEY.delivery(id, first), 'task') or '')
    for _, event in ipairs(call('LRANGE', lane, 0, -1)) do call('DEL', KEY.delivery(id, event)) end
    call('DEL', lane)
    call('ZREM', base .. place, first)
  end
end
for _, event in ipairs(call('LRANGE', base .. ':ended', 0, last)) do call('DEL', KEY.delivery(id, event)) end
call('LTRIM', base .. ':ended', last + 1, -1)
if call('EXISTS', base .. ':running', base .. ':waiting', base .. ':ended') > 0 then return 0 end
call('DEL', base .. ':log')
call('SREM', KEY.webhooks_gone(), id)
return 1
