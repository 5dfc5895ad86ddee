"""When will a task start and end? The claim rule, run forward from a snapshot."""
