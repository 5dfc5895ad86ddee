"""For what a task has waited, afterwards: how long for each reason."""
