"""How long random tests search: the suite's few seconds, or ``FAULTS`` times as long (``make faults``)."""

import os


def examples(count: int) -> int:
    """So many examples as the environment asks for."""
    return count * int(os.environ.get("FAULTS", "1"))
