-- @include base
-- The audit log: who changed what. Each tenant's changes lie in a stream of their own ('' is the command line's), so that
-- nobody can push anybody else's out by making many.
local KEPT_AUDITED = 5000

-- Notes a change. `actor` is JSON as `broker.actor` makes it, or '' for what nobody is to be told of; `before` and `after`
-- are JSON without secrets, '' where there is nothing.
local function note_audit(actor, action, subject, before, after)
  if actor == '' then return end
  local tenant = cjson.decode(actor).tenant
  call('SADD', KEY.audit_logs(), tenant)
  call('XADD', KEY.audit_log(tenant), 'MAXLEN', KEPT_AUDITED, '*', 'at', at(), 'actor', actor, 'action', action,
    'subject', subject, 'before', before, 'after', after)
end
