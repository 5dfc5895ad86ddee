"""The one choice that the scripts leave to luck, made by the checker instead: which of several sleepers is woken."""

#: Has the last sleeper woken, not the first, by the next call.
LAST = (("SET", "test:last", "1"),)
_LUCK = "call('SPOP', KEY.idle(group))"
_CHOICE = """
local function chosen(key)
  local names = redis.call('SMEMBERS', key)
  table.sort(names)
  local name = names[redis.call('EXISTS', 'test:last') == 1 and #names or 1]
  if name then redis.call('SREM', key, name) end
  return name
end
"""


def without_luck(library: str) -> str:
    """The text of the scripts with that choice."""
    assert _LUCK in library and library.count("SPOP") == library.count(_LUCK)
    head, _, body = library.replace(_LUCK, "chosen(KEY.idle(group))").partition("\n")
    return head + _CHOICE + body
