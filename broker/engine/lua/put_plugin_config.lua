-- put_plugin_config: replaces or forgets a tenant's settings of a plugin.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] plugin
-- ARGV[3] config  encrypted, no two alike; '' forgets them
-- ARGV[4] before  what the audit log is told: JSON with masked secrets, or ''
-- ARGV[5] after  likewise
-- ARGV[6] actor  as audit.lua takes it
-- Returns 1, or 0 when it was so already
-- @include audit
local key = KEY.plugin_configs(tenant)
if (call('HGET', key, plugin) or '') == config then return 0 end
if config == '' then
  call('HDEL', key, plugin)
else
  call('HSET', key, plugin, config)
end
note_audit(actor, config == '' and 'plugin_config.deleted' or 'plugin_config.replaced', plugin, before, after)
return 1
