-- listen: has a tenant's events recorded for a while, and says from where on they can be read.
-- A listener that comes back while they are recorded misses nothing. When recording had stopped, what is kept from
-- before has a gap behind it and goes; the entry `begin` marks where recording began, so whoever was last told something
-- older than the first entry knows that there is more that is not cache.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] keep_us  how long from now on
-- Returns {id of the last entry, id of the first}
-- @include events
local stream = KEY.events(tenant)
local recording = listeners(tenant).live > now and call('EXISTS', stream) == 1
call('HSET', KEY.listeners(), tenant .. ':live', now + tonumber(keep_us))
clear_cache()
if not recording then
  call('XTRIM', stream, 'MAXLEN', 0)
  call('XADD', stream, '*', 'kind', 'begin', 'at', at())
end
-- It outlives the mark, so that no event makes it anew, without an end.
call('PEXPIRE', stream, math.floor(tonumber(keep_us) / 1000 + 60000))
return { call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1][1], call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1] }
