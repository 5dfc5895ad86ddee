-- @include strangers
-- RQ's list of a queue shows what waits there; the order of starts is another (shares.lua). Each task knows its slot in
-- the list (`seq`), counted from a number for its end (`arrivals`), so that it can be taken out of the middle of a long
-- list without a search: the task at one end moves into the gap.

local LIST = {}

-- A task that is not where its slot says was moved by a foreign hand, and so were its neighbours, by as many places:
-- {queue: places}, known while the library is loaded and never trusted.
local drift = {}
-- Likewise the slot of the task that stands first.
LIST.first = {}
-- So far around a slot a task is looked for before the whole list is read.
local NEAR = 100

-- The next slot at the end of a queue's list.
local function next_seq(queue)
  return call('HINCRBY', ARRIVALS, queue, 1)
end

-- RQ learns of a queue with its first task; `length` is that of the list now.
function LIST.note(queue, length)
  if length == 1 then call('SADD', KEY.rq_queues(), facts(queue).list) end
end

-- At the end of its list, where its slot is already.
function LIST.add_last(queue, id)
  LIST.note(queue, call('RPUSH', facts(queue).list, id))
end

-- Before all others, with a slot for that.
function LIST.add_first(queue, id)
  local list = facts(queue).list
  local head = call('LINDEX', list, 0)
  local seq = head and tonumber(call('HGET', KEY.job(head), 'seq') or nil)
  call('HSET', KEY.job(id), 'seq', seq and seq - 1 or next_seq(queue))
  LIST.note(queue, call('LPUSH', list, id))
end

-- The place of a task in a list, counted from its end (-1 is the last), or nil.
function LIST.place_in(queue, id, seq)
  local list = facts(queue).list
  local guess = (tonumber(seq) or 0) - (tonumber(call('HGET', ARRIVALS, queue) or nil) or 0) - 1
  local offset = drift[queue] or 0
  if guess + offset < 0 and call('LINDEX', list, guess + offset) == id then return guess + offset end
  if offset ~= 0 and guess < 0 and call('LINDEX', list, guess) == id then return guess end
  local last = math.min(-1, guess + NEAR)
  local near = call('LRANGE', list, math.min(-1, guess - NEAR), last)
  for i = #near, 1, -1 do
    if near[i] == id then
      drift[queue] = last - #near + i - guess
      return guess + drift[queue]
    end
  end
  local place = call('LPOS', list, id)
  if not place then return nil end
  place = place - call('LLEN', list)
  drift[queue] = place - guess
  return place
end

-- So many ids of no task of ours one claim drops, which takes it a millisecond or two; the next goes on.
local MOST_DROPPED = 1000

-- The first task of a list, taken out of it, and its slot. Other programs' jobs before it are set aside, ids of what is
-- gone dropped.
function LIST.pop_head(list)
  for _ = 1, MOST_DROPPED do
    local head = call('LPOP', list)
    local seq = head and call('HGET', KEY.job(head), 'seq')
    if seq or not head then return head, tonumber(seq or nil) end
    if is_stranger(head) then set_aside(head) end
  end
  return nil
end

-- Puts a task into the place of another.
function LIST.replace_at(queue, place, seq, filler)
  call('LSET', facts(queue).list, place, filler)
  call('HSET', KEY.job(filler), 'seq', seq)
end

-- Puts the task that stood first into the gap of one that stands where the two slots say, and is not the next. Returns
-- whether it does.
function LIST.fill_gap(queue, id, seq, head)
  local first = LIST.first[queue]
  local place = first and seq and seq - first - 1 or 0
  if place <= 0 or call('LINDEX', facts(queue).list, place) ~= id then return false end
  local key = KEY.job(head)
  if call('HSET', key, 'seq', seq) == 1 then -- it had no slot, and is no task of ours
    call('HDEL', key, 'seq')
    return false
  end
  call('LSET', facts(queue).list, place, head)
  LIST.first[queue] = first + 1
  return true
end

-- Takes a task that starts out of its list. Most stand first; else the first one fills the gap. One that stands first and
-- is not next, while the next stands behind it, filled a gap before, and goes back to the end.
function LIST.remove_started(queue, id, seq)
  local list = facts(queue).list
  local head = call('LPOP', list)
  if head == id then
    LIST.first[queue] = LIST.first[queue] and LIST.first[queue] + 1
    return
  end
  seq = tonumber(seq or call('HGET', KEY.job(id), 'seq') or nil)
  if head and LIST.fill_gap(queue, id, seq, head) then return end
  local head_seq = head and call('HGET', KEY.job(head), 'seq')
  if head and not head_seq then
    call('LPUSH', list, head)
    head, head_seq = LIST.pop_head(list)
  end
  if not head then LIST.remove(queue, id, seq) end -- more ids of what is gone stand before it than are dropped at once
  if not head or head == id then return end
  head_seq = tonumber(head_seq or nil) or 0
  LIST.first[queue] = head_seq + 1
  local place = (seq or 0) - head_seq - 1
  if place < 0 or call('LINDEX', list, place) ~= id then place = LIST.place_in(queue, id, seq) end
  if place == 0 then
    call('LPOP', list)
    call('HSET', KEY.job(head), 'seq', next_seq(queue))
    call('RPUSH', list, head)
    LIST.first[queue] = seq + 1
  elseif place then
    LIST.replace_at(queue, place, seq, head)
  else
    call('LPUSH', list, head)
    LIST.first[queue] = head_seq
  end
end

-- Takes a task that will not start out of its list: the last one fills the gap, if its slot is the last.
function LIST.remove(queue, id, seq)
  local list = facts(queue).list
  seq = seq or call('HGET', KEY.job(id), 'seq')
  local place = LIST.place_in(queue, id, seq)
  if not place then return end
  local last = call('LINDEX', list, -1)
  if call('HGET', KEY.job(last), 'seq') ~= call('HGET', ARRIVALS, queue) then
    call('LREM', list, -1, id)
    return
  end
  call('RPOP', list)
  call('HINCRBY', ARRIVALS, queue, -1)
  if place ~= -1 then LIST.replace_at(queue, place + 1, seq, last) end
end
