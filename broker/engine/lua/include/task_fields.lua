-- What the detail of a task is made of, as `broker.tasks.task_fields.FIELDS` has it. It goes along with its event, because the
-- hash lives on: the event must tell the same whenever and however often it is delivered.
local TASK_FIELDS = { 'status', 'origin', 'tenant', 'payload', 'created_at', 'max_retries', 'timeout', 'retry_count',
  'scheduled_at', 'started_at', 'ended_at', 'last_heartbeat', 'error', 'progress', 'outcome', 'attempts',
  'flow', 'depends_on', 'on_failure', 'waiting_for', 'group', 'tags', 'trace', 'usage', 'deadline', 'part_of' }
