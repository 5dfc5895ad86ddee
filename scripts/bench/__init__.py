"""Measurements side by side: ``make bench``. What they mean is in ``docs/benchmarks.md``."""
