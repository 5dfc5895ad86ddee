"""One module per resource: parse, one call to the broker, dump."""
