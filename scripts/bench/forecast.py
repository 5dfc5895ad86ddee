"""Processor time of the forecast: to build one from a snapshot, and to answer a question, by what waits."""

import random
import statistics
import time

from broker.forecast.bucket import TOKEN
from broker.forecast.durations import Durations
from broker.forecast.forecast import Forecast
from broker.forecast.replica import Place
from broker.forecast.snapshot import Line, Lines, Snapshot, TypeState, WorkerGroup
from scripts.bench.report import table

#: (tasks that wait, tenants)
_SIZES = ((100, 1), (1_000, 1), (10_000, 1), (100_000, 1), (100_000, 20), (100_000, 500))
_QUESTIONS = 500


def run(rounds: int) -> dict[str, dict[str, float]]:
    """By size: milliseconds of a build, microseconds of a question, medians over the rounds."""
    return {f"{waiting:,} of {tenants}": _measure(waiting, tenants, rounds) for waiting, tenants in _SIZES}


def _measure(waiting: int, tenants: int, rounds: int) -> dict[str, float]:
    snapshot, builds, questions = _snapshot(waiting, tenants), [], []
    last = max(1, waiting // 10 // tenants)
    for _ in range(rounds):
        begin = time.process_time()
        forecast = Forecast(snapshot)
        forecast.start(Place("Slow", 0, last, "0"))  # what the first question of a class finds out for all
        built = time.process_time()
        for k in range(_QUESTIONS):
            forecast.start(Place("Slow", 0, 1 + k % last, "0"))
        builds.append((built - begin) * 1e3)
        questions.append((time.process_time() - built) / _QUESTIONS * 1e6)
    return {"build": statistics.median(builds), "question": statistics.median(questions)}


def _snapshot(waiting: int, tenants: int) -> Snapshot:
    """Three types like ours, three kinds of workers."""
    draw = random.Random(5)

    def lines(part: float) -> Lines:
        return Lines(Line(max(1, round(waiting * part / tenants)), str(each)) for each in range(tenants))

    def state(limits: tuple[int, int], seconds: list[float], levels: dict[int, Lines]) -> TypeState:
        return TypeState(Durations.of(seconds), levels, rate=limits[0], burst=limits[1], bucket=limits[1] * TOKEN)

    types = {
        "Slow": state((2000, 4), [draw.lognormvariate(4, 0.8) for _ in range(500)], {0: lines(0.1), 5: lines(0.02)}),
        "Fast": state((5000, 10), [draw.gammavariate(3, 0.1) for _ in range(500)], {0: lines(0.78)}),
        "Other": state((1000, 2), [draw.lognormvariate(1, 0.6) for _ in range(500)], {0: lines(0.1)}),
    }
    workers = (("Slow", "Fast", "Other"), 2), (("Slow",), 4), (("Fast",), 2)
    return Snapshot(types, tuple(WorkerGroup(frozenset(names), slots) for names, slots in workers))


def report(found: dict[str, dict[str, float]]) -> str:
    """The table."""
    rows = [[name, f"{figures['build']:,.0f}", f"{figures['question']:,.0f}"] for name, figures in found.items()]
    return table(["waiting, of tenants", "build, ms", "question, us"], rows)
