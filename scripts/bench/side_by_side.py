"""All rows in shuffled rounds, so that what else the machine does falls on everybody; medians over the rounds."""

import random
import statistics
from collections.abc import Sequence

from scripts.bench.environments import available, prepare
from scripts.bench.measure import Effort, measure
from scripts.bench.peers import PEERS, Peer
from scripts.bench.report import table

_OURS = PEERS[0].name
#: Heading, figure, digits after the point.
_COLUMNS = (
    ("submit/s", "submit", 0),
    ("bulk/s", "submit_bulk", 0),
    ("drain/s", "drain", 0),
    ("p50 ms", "p50", 2),
    ("p99 ms", "p99", 2),
    ("Redis us submit", "submit_cpu", 0),
    ("Redis us run", "drain_cpu", 0),
    ("B waiting", "bytes_waiting", 0),
    ("B finished", "bytes_finished", 0),
    ("drain s", "seconds", 1),
)

Rounds = dict[str, list[dict[str, float]]]


def run(rounds: int, effort: Effort, wanted: Sequence[str]) -> Rounds:
    """Every row's figures, round by round. ``wanted`` are beginnings of names; none means all."""
    peers = [peer for peer in PEERS if not wanted or any(peer.name.lower().startswith(word) for word in wanted)]
    missing = [peer.name for peer in peers if not available(peer)]
    if missing:
        print(f"Left out, because Node is not installed: {', '.join(missing)}")
    peers = [peer for peer in peers if available(peer)]
    for peer in peers:
        prepare(peer)
    found: Rounds = {peer.name: [] for peer in peers}
    for number in range(rounds):
        for peer in random.sample(peers, len(peers)):
            found[peer.name].append(_attempt(peer, effort, number))
    return found


def _attempt(peer: Peer, effort: Effort, number: int) -> dict[str, float]:
    figures = measure(peer, effort)
    print(
        f"round {number + 1}: {peer.name:<24} {figures['drain']:>9,.0f}/s, p50 {figures['p50']:.2f} ms, "
        f"foreign CPU {figures['foreign']:.0%}",
        flush=True,
    )
    return figures


def report(found: Rounds) -> str:
    """The table of medians, fastest first, with our drain over each row's, of the same round each."""
    ours = found.get(_OURS, [])
    rows = []
    for name in sorted(found, key=lambda name: -_median(found[name], "drain")):
        figures = found[name]
        drains = [each["drain"] for each in figures]
        ratios = [mine["drain"] / theirs["drain"] for mine, theirs in zip(ours, figures, strict=False)]
        rows.append(
            [
                name,
                f"{statistics.median(ratios):.2f}" if ratios else "",
                *(f"{_median(figures, key):,.{digits}f}" if key in figures[0] else "" for _, key, digits in _COLUMNS),
                f"{min(drains):,.0f}-{max(drains):,.0f}",
                f"{max(each['foreign'] for each in figures):.0%}",
            ]
        )
    return table(["", "ours / it", *(heading for heading, _, _ in _COLUMNS), "drain min-max", "foreign CPU"], rows)


def _median(figures: list[dict[str, float]], key: str) -> float:
    return statistics.median(each[key] for each in figures)
