"""Workers and daemons as real processes on a real server: what they do, and what becomes of tasks when they die."""
