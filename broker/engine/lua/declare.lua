-- declare: makes task types known, with the defaults of their queues.
-- KEYS[1] prefix
-- ARGV[1] types  'A=rate/burst/concurrency B=...': starts per 1,000 seconds or '', starts at once, runs at once or ''
-- Returns 1 when a declaration took effect
-- @include declare
return declare_all(types) and 1 or 0
