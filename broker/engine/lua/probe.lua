-- probe: asks for leave to write, as every script does that accepts a task, and writes nothing: it deletes what is not
-- there, which the server allows only where it would take a new task, and tells no file and no replica.
-- KEYS[1] prefix
-- ARGV[1..] commands  each with its arguments, of which no less than it takes, and blanks between
-- Returns those of them that this user may not run
-- @include base
call('DEL', KEY.probe())
local denied = {}
for _, command in ipairs(redis.acl_check_cmd and commands or {}) do
  local words = {}
  for word in string.gmatch(command, '%S+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then denied[#denied + 1] = command end
end
return denied
