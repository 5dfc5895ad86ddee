-- sweep_hold: puts some of what waits aside that a hold fits: of one tenant and type, by creation.
-- KEYS[1] prefix
-- ARGV[1] hold  its id
-- ARGV[2] tenant
-- ARGV[3] type_name
-- ARGV[4] after  as it was answered before, or -inf
-- ARGV[5] limit
-- Returns {where to go on after or '' at the end, how many were put aside}
-- @include sweeping
-- @include task
local ids, place = SWEEP.next(tenant, type_name, after, limit)
local moved = 0
for _, id in ipairs(ids) do
  local task = read_task(id)
  if task and task.status == 'pending' and not task.held and HOLD.of(task) == hold then
    local order = call('ZSCORE', LINE.of(task), task.id)
    if order then
      call('ZREM', LINE.of(task), task.id)
      HOLD.park(hold, task, order)
      moved = moved + 1
    end
  end
end
return { place, moved }
