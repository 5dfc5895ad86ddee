"""The HTTP API of the broker: reads requests strictly, calls the broker, answers. No task or setting is kept here."""
