-- note_audit: tells the audit log of a change that no script has made.
-- KEYS[1] prefix
-- ARGV[1] actor  as audit.lua takes it
-- ARGV[2] action
-- ARGV[3] subject
-- ARGV[4] before  JSON without secrets, or ''
-- ARGV[5] after  likewise
-- Returns 1
-- @include audit
note_audit(actor, action, subject, before, after)
return 1
