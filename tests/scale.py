"""How long random tests search: the suite's few seconds, or ``FAULTS`` times as long (``make faults``)."""

import os


def examples(count: int, suite: int = 0) -> int:
    """So many examples as the environment asks for: ``suite`` of them, if given, without ``FAULTS``."""
    times = int(os.environ.get("FAULTS", "0"))
    return count * times if times else suite or count
