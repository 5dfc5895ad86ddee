"""``producer.py MODULE WHAT COUNT`` submits tasks of a program here and prints how many seconds that took.

WHAT is ``one`` (no-ops one by one), ``many`` (the peer's own bulk call) or ``stamped`` (one every 20 ms that records
how long it was on its way). A program has a coroutine function for each, and ``before`` for what it does at its start.
Everything is awaited, so that peers with an asynchronous interface pay for no event loop per call; to the others an
``await`` costs next to nothing.
"""

import asyncio
import importlib
import sys
import time
from typing import Any

#: Seconds between two stamped tasks: workers are idle when the next one comes.
PACE = 0.02


async def main(program: Any, what: str, count: int) -> float:
    """Seconds for ``count`` tasks; one more before that has connections and scripts ready."""
    if hasattr(program, "before"):
        await program.before()
    await program.one()
    started = time.perf_counter()
    if what == "many":
        await program.many(count)
    for _ in range(count if what == "one" else 0):
        await program.one()
    for _ in range(count if what == "stamped" else 0):
        await program.stamped(time.monotonic_ns())
        await asyncio.sleep(PACE)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(asyncio.run(main(importlib.import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
