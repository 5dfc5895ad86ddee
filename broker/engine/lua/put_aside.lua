-- put_aside: takes an event that cannot be told out of the outbox, and keeps it for whoever looks for the cause.
-- KEYS[1] prefix
-- ARGV[1] entry  its id in the outbox
-- ARGV[2] error
-- Returns 1, or 0 when it was not there
-- @include webhooks
local found = call('XRANGE', B .. 'outbox', entry, entry)[1]
if not found then return 0 end
call('XDEL', B .. 'outbox', entry)
call('XADD', B .. 'outbox_aside', 'MAXLEN', KEPT_ASIDE, '*', 'reason', error, unpack(found[2]))
return 1
