"""What a task is and every promise about it; the only package that speaks Redis."""
