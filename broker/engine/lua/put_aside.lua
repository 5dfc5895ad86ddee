-- put_aside: takes an event that cannot be told out of the outbox, and keeps it for whoever looks for the cause.
-- KEYS[1] prefix
-- ARGV[1] entry  its id in the outbox
-- ARGV[2] reason
-- Returns 1, or 0 when it was not there
-- @include webhooks
local found = call('XRANGE', KEY.outbox(), entry, entry)[1]
if not found then return 0 end
call('XDEL', KEY.outbox(), entry)
call('XADD', KEY.outbox_aside(), 'MAXLEN', WEBHOOK.KEPT_ASIDE, '*', 'reason', reason, unpack(found[2]))
return 1
