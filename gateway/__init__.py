"""The HTTP face of the broker: parses, asks the broker once, answers. Holds no state and no heavy library."""
