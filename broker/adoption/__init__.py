"""Taking over the queues of a running RQ system: its jobs become tasks under our limits, and go back when asked to."""
