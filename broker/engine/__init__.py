"""How Redis is spoken to: connections, the Lua scripts that make every transition, and the names of all keys."""
