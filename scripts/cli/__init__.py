"""``mindia``: the HTTP API as commands. It knows nothing of this project's other code, so that it starts at once."""
