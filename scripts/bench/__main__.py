"""``python -m scripts.bench [PART ...]``: measures, prints tables and keeps every figure in ``.bench/results.json``."""

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scripts.bench import (
    embedding,
    fair,
    forecast,
    http,
    live,
    memory,
    rates,
    scale,
    side_by_side,
    video,
    video_kills,
    video_workers,
)
from scripts.bench.environments import HOMES
from scripts.bench.measure import Effort

_RESULTS = HOMES / "results.json"
#: Half an hour, and what nothing else here needs: the extra ``hnsw``.
_LONGEST = "search_index"

#: What a part measures, and its figures as a table.
Part = tuple[Callable[[], Any], Callable[[Any], str]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="peers, memory, http, live, rates, scale, fair, forecast, search, search_latency, search_index, "
        "video, video_kills, video_workers, embedding; all but search_index if left out",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of tasks; small for a try")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="rows whose names begin so, lower case")
    parser.add_argument("--fetch", action="store_true", help="for search: every model that fetch_model knows")
    options = parser.parse_args()
    parts = _parts(options.rounds, options.share, options.only, options.fetch)
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    found = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    HOMES.mkdir(exist_ok=True)
    for name in options.parts or [each for each in parts if each != _LONGEST]:
        measure, report = parts[name]
        figures = measure()
        print(f"\n{name}\n\n{report(figures)}\n", flush=True)
        found[name] = {"at": datetime.now(UTC).isoformat(), "machine": _machine(), "figures": figures}
        _RESULTS.write_text(json.dumps(found, indent=1))
    return 0


def _parts(rounds: int, share: float, only: list[str], fetch: bool) -> dict[str, Part]:
    return {
        "peers": (lambda: side_by_side.run(rounds, Effort(share=share), only), side_by_side.report),
        "memory": (lambda: memory.run(max(100, int(100_000 * share))), memory.report),
        "http": (lambda: http.run(rounds, max(100, int(2_000 * share))), http.report),
        "live": (lambda: live.run(max(10, int(500 * share)), max(20, int(200 * share))), live.report),
        "rates": (lambda: rates.run(max(0.5, 10 * share)), rates.report),
        "forecast": (lambda: forecast.run(rounds), forecast.report),
        "search": (
            lambda: _search(fetch),
            lambda figures: importlib.import_module("scripts.bench.search_quality").report(figures),
        ),
        "search_latency": (
            lambda: _latency(share),
            lambda figures: importlib.import_module("scripts.bench.search_latency").report(figures),
        ),
        "search_index": (
            lambda: _index(share),
            lambda figures: importlib.import_module("scripts.bench.search_index").report(figures),
        ),
        "scale": (lambda: scale.run(1_000, max(2_000, int(1_000_000 * share)), 300), scale.report),
        "video": (lambda: video.run(max(20, int(600 * share)), share), video.report),
        "video_kills": (lambda: video_kills.run(max(60, int(600 * share)), 5), video_kills.report),
        "video_workers": (
            lambda: video_workers.run(max(130, int(300 * share)), max(1, rounds // 2)),
            video_workers.report,
        ),
        "fair": (lambda: _fair(rounds, share), fair.report),
        "embedding": (lambda: embedding.run(max(40, int(400 * share)), rounds), embedding.report),
    }


def _fair(rounds: int, share: float) -> fair.Found:
    """A thousand tenants of a thousand tasks, or fewer of fewer (a share of 0.02: 200 of 100)."""
    if share >= 1:
        return fair.run(rounds, 1_000, 1_000, 5_000, 5_000)
    tenants = max(20, int(1_414 * share**0.5))
    return fair.run(rounds, tenants, tenants // 20 * 10, max(100, tenants * 5), 1_000)


def _search(fetch: bool) -> Any:
    """Needs the extra ``embed``, which nothing else here does."""
    return importlib.import_module("scripts.bench.search_quality").run(HOMES / "search", fetch)


def _latency(share: float) -> Any:
    return importlib.import_module("scripts.bench.search_latency").run(int(100_000 * share), 300)


def _index(share: float) -> Any:
    counts = [int(100_000 * share), int(1_000_000 * share)]
    return importlib.import_module("scripts.bench.search_index").run(counts, HOMES / "search")


def _machine() -> str:
    return f"{os.cpu_count()} CPUs, {platform.platform()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
