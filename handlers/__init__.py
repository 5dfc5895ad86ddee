"""What tasks do: one package per kind of work, run inside worker children; knows broker alone."""
