"""Workers: a supervisor with warm child processes that run handlers one task after another."""
