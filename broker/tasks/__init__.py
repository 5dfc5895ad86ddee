"""What may be done with tasks: submit, find, cancel, retry; and the store of transitions under it."""
