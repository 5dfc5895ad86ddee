-- claim_more: leases more tasks of the type that a worker has just got one of, to be worked on together with that.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] execution  of the first, which ends in '+0'; those of the others in '+1', '+2' and so on, as do the names of
--         their workers
-- ARGV[3] lease_us
-- ARGV[4] group  the types that the worker listens to
-- ARGV[5] id  of the first
-- ARGV[6] known  its type, with the version that the worker knows
-- ARGV[7] most
-- Returns the others, each as claim returns it: {1, id, queue, ...}; none of a task that runs alone
-- Moves pending -> processing
-- Moves pending -> cancelled
-- Moves pending -> scheduled
-- Moves scheduled -> pending
-- @include claim

-- Seconds that the record of a member's worker outlives its last heartbeat.
local TTL = 60

local first = read_task(id)
if not owns_run(first, execution) or draining(worker) or call('HEXISTS', first.key, 'alone') == 1 then return {} end
local found, replies, level = facts(LINE.queue_of(first)), {}, facts(LINE.queue_of(first)).level

-- How many are its part, those considered that sleep.
local part = math.floor(call('LLEN', found.list) / (1 + call('SCARD', KEY.idle(group))))
local base = string.match(execution, '^[^+]*')

-- Is a task of the type next that may begin at once, none of a higher level could, and may it run beside others?
local function may_take()
  local best, ahead = choose(group)
  if not best or ahead > 0 or facts(best).level > level then return false end
  local queue, due = choose(known)
  if not queue or due > 0 or facts(queue).level ~= level then return false end
  local next_id = SHARE.whose_turn(queue)
  return next_id and call('HEXISTS', KEY.job(next_id), 'alone') == 0
end

for i = 1, tonumber(most) do
  local hand, run = worker .. '+' .. i, base .. '+' .. i
  local reply = repeated_grant(hand, run)
  if not reply and part > 0 and may_take() then
    reply, part = take(hand, run, tonumber(lease_us), known, false, true), part - 1
  end
  if not reply then break end
  call('EXPIRE', KEY.worker(hand), TTL)
  replies[i] = reply
end
if #replies > 0 then
  local size = #replies + 1
  local told = size .. ' ' .. base
  for _, reply in ipairs(replies) do call('HSET', KEY.job(reply[2]), 'batch', told) end
  call('HSET', first.key, 'batch', told)
end
return replies
