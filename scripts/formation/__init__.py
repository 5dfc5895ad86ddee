"""The process manager behind ``make run``: the Procfile's processes, kept alive, on an embedded Valkey."""
