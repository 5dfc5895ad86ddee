"""``python -m broker adopt``: what a running RQ system has; taking over its queues, one by one; giving them back."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable

from broker.adoption.adoption import Adoption
from broker.adoption.source import Source
from broker.adoption.types import type_name
from broker.engine.connection import redis_errors
from broker.errors import Unavailable

_FUNCTIONS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow ``adopt``."""
    parser.add_argument("queues", nargs="*", metavar="QUEUE", help="take these over; shows all if left out")
    parser.add_argument("--undo", action="store_true", help="give them back: what has not begun runs in RQ again")


def run(adoption: Adoption, options: argparse.Namespace, declare: Callable[[], object]) -> int:
    """Does what was asked; returns the exit status, 1 when something is left to be done.

    ``declare`` makes the types known, so that their tasks may start.
    """
    if unknown := sorted(set(options.queues) - set(adoption.queues)) if not options.undo else []:
        print(
            f"adopt: ADOPT_RQ_QUEUES does not name {', '.join(unknown)}: every process has to know it", file=sys.stderr
        )
        return 1
    if options.undo and not options.queues:
        print("adopt: name the queues to give back", file=sys.stderr)
        return 1
    try:
        with redis_errors():
            if not options.queues:
                return _show(adoption.source, adoption.queues)
            declare()
            return max((_give_back if options.undo else _take)(adoption, queue) for queue in options.queues)
    except Unavailable as error:
        print(f"adopt: {error.message} ({error.__cause__})", file=sys.stderr)
        return 3


def _show(source: Source, declared: list[str]) -> int:
    adopted = source.adopted()
    row = "{:20}  {:24}  {:>7}  {:>9}  {:>8}  {:>7}  {:>6}  {:>5}  {:>7}  {}".format
    print(row("queue", "type", "queued", "scheduled", "deferred", "started", "failed", "ours", "workers", "functions"))
    for queue in sorted({*source.queue_names(), *adopted, *declared} - {"set-aside"}):
        counts = source.counts(queue)
        functions = source.functions(queue)
        told = ", ".join(f"{name} {count}" for name, count in list(functions.items())[:_FUNCTIONS])
        more = f", {len(functions) - _FUNCTIONS} more" if len(functions) > _FUNCTIONS else ""
        kind = type_name(queue) if queue in declared else "-"
        mark = "*" if queue in adopted else ""
        numbers = (counts[each] for each in ("queued", "scheduled", "deferred", "started", "failed", "ours"))
        print(row(f"{queue}{mark}", kind, *numbers, source.workers(queue), told + more))
    print("* is taken over; - is not named in ADOPT_RQ_QUEUES")
    return 0


def _take(adoption: Adoption, queue: str) -> int:
    adoption.source.begin_adopting(queue)
    moved, before = 0, adoption.refused
    while now := adoption.move(queue):
        moved += now
    refused = adoption.refused - before
    print(f"{queue}: {moved - refused} jobs are tasks of {type_name(queue)} now; the daemon takes what follows")
    if refused:
        print(f"{queue}: {refused} jobs cannot be tasks: RQ has them among its failed ones, and the log says why")
    return 0


def _give_back(adoption: Adoption, queue: str) -> int:
    adoption.source.end_adopting(queue)
    told = Counter(adoption.give_back(queue))
    print(f"{queue}: {told['back']} jobs are back in RQ, {told['running']} still run here")
    if told["running"]:
        print("Keep the runner until these have ended; say it again if it was killed meanwhile.")
    return 1 if told["running"] else 0
