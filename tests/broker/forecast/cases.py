"""Random worlds, what the model may know of them, and how good its answers were."""

import random
from collections import Counter
from dataclasses import dataclass, field
from math import exp, inf
from statistics import mean

from broker.forecast.bucket import TOKEN
from broker.forecast.durations import Durations
from broker.forecast.forecast import Forecast, Interval
from broker.forecast.replica import Place
from broker.forecast.snapshot import Caps, Line, Lines, Run, Snapshot, TypeState, WorkerGroup
from tests.broker.forecast.truth import Job, Sample, World


def lognormal(average: float, sigma: float) -> Sample:
    return lambda r: average * exp(r.gauss(-sigma * sigma / 2, sigma))


def shape(r: random.Random, average: float) -> Sample:
    """How runs of a type are spread: nearly alike, evenly, or up to a few that take thirty times the median."""
    kind = r.randrange(6)
    if kind == 0:
        return lambda q: average * (0.98 + 0.04 * q.random())
    if kind == 1:
        return lambda q: average * 2 * q.random() + 1e-4
    if kind == 2:
        return lambda q: q.gammavariate(2, average / 2) + 1e-4
    return lognormal(average, 1.5 if kind == 3 else r.uniform(0.4, 1.0))


class Case:
    """A world, and its snapshot."""

    def __init__(self, seed: int, size: int, tenants: int = 1, caps: bool = False, measured: int = 200) -> None:
        r = random.Random(seed)
        self.seed = seed
        names = ["A", "B", "C", "D", "E"][: r.choice([1, 2, 3, 3, 3, 4, 5])]
        groups = [(frozenset(names), r.choice([1, 2, 4, 8, 16]))]
        groups += [(frozenset({name}), r.choice([1, 2, 4])) for name in names if r.random() < 0.4]
        if len(names) > 2 and r.random() < 0.3:
            groups.append((frozenset(r.sample(names, 2)), r.choice([1, 4])))
        slots = sum(count for _, count in groups)
        self.sample: dict[str, Sample] = {}
        limits, samples = {}, {}
        for name in names:
            average = 10 ** r.uniform(-1, 1.5)
            self.sample[name] = shape(r, average)
            samples[name] = Durations.of([self.sample[name](r) for _ in range(measured)])
            burst = r.choice([1, 2, 4, 10, 50])
            rate = max(0.001, round(slots / average * 10 ** r.uniform(-1, 1), 3))
            limits[name] = {
                "rate": rate,
                "burst": burst,
                "tokens": r.uniform(0, burst),
                "cap": r.choice([inf, inf, inf, 1, 2, 4, 8]),
                "tenant_cap": r.choice([None, 1, 2, 4]) if caps else None,
            }
        share = [r.random() ** 2 + 0.02 for _ in names]
        levels = {name: r.sample(range(-1, 11), r.choice([1, 1, 2, 3])) for name in names}
        of_tenants = [r.random() ** 2 + 0.05 for _ in range(tenants)]
        weights = {f"t{i}": r.choice([1.0, 1.0, 2.0, 5.0]) for i in range(tenants)} if tenants > 1 else {}
        self.jobs = []
        for number in range(size):
            name = r.choices(names, share)[0]
            tenant = f"t{r.choices(range(tenants), of_tenants)[0]}"
            self.jobs.append(Job(name, r.choice(levels[name]), tenant, came=number))
        running, runs = [], []
        for index, (types, count) in enumerate(groups):
            for _ in range(r.randint(0, count)):
                name = r.choice(sorted(types))
                if sum(each[0] == name for each in running) < limits[name]["cap"]:
                    whole = max(self.sample[name](r), self.sample[name](r))  # long ones are seen running more often
                    age = whole * r.random()
                    running.append((name, index, "nobody", whole - age))
                    runs.append(Run(name, age, workers=index, tenant="nobody"))
        self.world = World(limits, groups, self.jobs, running, weights)
        counts = Counter((job.type, job.level, job.tenant) for job in self.jobs)
        types = {}
        for name in names:
            in_levels = {
                level: Lines(Line(counts[name, level, f"t{i}"], f"t{i}") for i in range(tenants))
                for level in levels[name]
            }
            of = limits[name]
            types[name] = TypeState(
                samples[name],
                in_levels,
                rate=round(of["rate"] * 1000),
                burst=of["burst"],
                bucket=round(of["tokens"] * TOKEN),
                concurrency=None if of["cap"] == inf else of["cap"],
                caps=Caps(tenant_concurrency=of["tenant_cap"]),
                estimates={"": 1e6 * mean(self.sample[name](random.Random(i)) for i in range(200))},
            )
        workers = tuple(WorkerGroup(each, count) for each, count in groups)
        self.snapshot = Snapshot(types, workers, tuple(runs), weights=weights)

    def places(self, many: int) -> list[tuple[Job, Place]]:
        """Some of the jobs, and where they stand."""
        counts: dict[tuple[str, int, str], int] = {}
        found = []
        for job in self.jobs:
            line = job.type, job.level, job.tenant
            counts[line] = counts.get(line, 0) + 1
            found.append((job, Place(job.type, job.level, counts[line], job.tenant)))
        return random.Random(self.seed).sample(found, min(many, len(found)))


@dataclass
class Score:
    """Of answers in many cases."""

    inside: list[bool] = field(default_factory=list)
    ends_inside: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    never: int = 0

    def add(self, start: Interval, job: Job, typical: float) -> None:
        assert job.start is not None
        self.inside.append(start.p10 - 1e-6 <= job.start <= start.p90 + 1e-6)
        self.errors.append(abs(start.p50 - job.start) / max(job.start, typical, 1.0))

    def error(self, part: float) -> float:
        return sorted(self.errors)[int(part * (len(self.errors) - 1))]

    def __str__(self) -> str:
        return (
            f"n {len(self.errors)}  start inside {mean(self.inside):.3f}  end inside {mean(self.ends_inside):.3f}  "
            f"error p50 {self.error(0.5):.3f} p90 {self.error(0.9):.3f}  wrong about never {self.never}"
        )


def judge(cases: "list[Case]", many: int = 40, widen: float = 1.0) -> Score:
    score = Score()
    for case in cases:
        forecast = Forecast(case.snapshot, widen=dict.fromkeys(case.snapshot.types, widen))
        case.world.run(case.sample, case.seed)
        for job, place in case.places(many):
            start, end = forecast.start(place), forecast.finish(place)
            if start is None or end is None or job.start is None or job.end is None:
                score.never += (start is None) != (job.start is None)
                continue
            score.add(start, job, case.snapshot.types[job.type].durations.mean)
            score.ends_inside.append(end.p10 - 1e-6 <= job.end <= end.p90 + 1e-6)
    return score
