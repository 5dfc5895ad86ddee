"""One module per resource: its routes read the request, call the broker and show what it answers."""
