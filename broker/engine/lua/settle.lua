-- settle: goes on with what follows from tasks that have ended, where it was too much for the scripts that ended them.
-- KEYS[1] prefix
-- ARGV[1] limit  of tasks that are moved
-- Returns how many ends are left of which something may follow
-- Moves scheduled -> pending
-- Moves scheduled -> cancelled
-- Moves pending -> cancelled
-- Moves processing -> cancelled
-- @include ending
local queue = KEY.settling()
followed = MOST_FOLLOWED - tonumber(limit)
repeat
  local first = call('LINDEX', queue, 0)
  local name, status, why = string.match(first or '', '^(%S+) (%a+) (.*)$')
  if name then LINKS.settle({ { name = name, id = string.match(name, '^[^@]+'), status = status, why = why, noted = true } }) end
  local over = not name or call('EXISTS', KEY.links(name)) == 0
  if over then call('LPOP', queue) end
until not over or not first or followed >= MOST_FOLLOWED
return call('LLEN', queue)
