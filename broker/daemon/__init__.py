"""The daemon: the promises that are about time. Each chore is one file with one ``tick``; any number may run."""
