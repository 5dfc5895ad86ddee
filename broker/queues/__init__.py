"""The queue of each task type: its limits, its state, and the workers that listen to it."""
