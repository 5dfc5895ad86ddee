"""What really happens, to judge forecasts by: every task an object, every step looked up anew."""

import heapq
import itertools
import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Sample = Callable[[random.Random], float]


@dataclass
class Job:
    """A task; ``came`` numbers the order of arrival."""

    type: str
    level: int
    tenant: str = "t"
    group: str = ""
    came: int = 0
    at: float = 0.0
    start: float | None = None
    end: float | None = None


@dataclass
class World:
    """Limits by type: ``rate``, ``burst``, ``tokens``, ``cap``, ``paused``, ``tenant_cap``."""

    types: dict[str, dict[str, Any]]
    groups: list[tuple[frozenset[str], int]]
    jobs: list[Job]
    #: (type, group of workers, tenant, what is left)
    running: list[tuple[str, int, str, float]] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)

    def run(self, sample: dict[str, Sample], seed: int) -> None:
        """Until every job that can start has."""
        r = random.Random(seed)
        waiting: dict[tuple[str, int, str], deque[Job]] = defaultdict(deque)
        free = [slots for _, slots in self.groups]
        busy: list[tuple[str, str]] = []
        tags: dict[tuple[str, int, str], float] = {}
        last = {name: -r.random() for name in self.types}
        tokens = {name: (limits["tokens"], 0.0) for name, limits in self.types.items()}
        charge = {name: sum(sample[name](random.Random(i)) for i in range(200)) / 200 for name in self.types}
        number = itertools.count()
        events: list[tuple[float, int, Any]] = []
        for name, group, tenant, left in self.running:
            free[group] -= 1
            busy.append((name, tenant))
            heapq.heappush(events, (left, next(number), (name, tenant, group, None)))
        for job in self.jobs:
            heapq.heappush(events, (job.at, next(number), job))
        left_to_start = len(self.jobs)
        now = 0.0
        while left_to_start:
            wake = None
            chosen = True
            while chosen:
                chosen = False
                options = []
                for name, limits in self.types.items():
                    if limits.get("paused") or sum(each[0] == name for each in busy) >= limits["cap"]:
                        continue
                    workers = [g for g, (types, _) in enumerate(self.groups) if name in types and free[g] > 0]
                    heads = [line[0] for key, line in waiting.items() if key[0] == name and line]
                    may = [job for job in heads if _tenant_may(busy, job, limits)]
                    if not workers or not may:
                        continue
                    level = max(job.level for job in may)
                    job = min((j for j in may if j.level == level), key=lambda j: (tags.get(_key(j), 0.0), j.tenant))
                    had, since = tokens[name]
                    have = min(limits["burst"], had + (now - since) * limits["rate"])
                    if have >= 1 - 1e-9:
                        options.append((-level, last[name], name, job, have, workers))
                    elif limits["rate"] > 0:
                        due = now + (1 - have) / limits["rate"]
                        wake = due if wake is None else min(wake, due)
                if options:
                    _, _, name, job, have, workers = min(options, key=lambda each: each[:3])
                    group = min(workers, key=lambda g: len(self.groups[g][0]))
                    waiting[_key(job)].popleft()
                    tokens[name], last[name] = (have - 1, now), now
                    free[group] -= 1
                    busy.append((name, job.tenant))
                    job.start = now
                    job.end = now + sample[name](r)
                    weight = self.weights.get(job.tenant, 1.0)
                    tags[_key(job)] = tags.get(_key(job), 0.0) + charge[name] / weight
                    heapq.heappush(events, (job.end, next(number), (name, job.tenant, group, job)))
                    left_to_start -= 1
                    chosen, wake = True, None
            if wake is not None and (not events or wake < events[0][0]):
                now = wake
                continue
            if not events:
                return
            now = events[0][0]
            while events and events[0][0] <= now:  # what comes at once is there before anybody asks
                what = heapq.heappop(events)[2]
                if isinstance(what, Job):
                    key = _key(what)
                    mates = [tags.get(each, 0.0) for each, line in waiting.items() if each[:2] == key[:2] and line]
                    if not waiting[key] and (what.type, what.tenant) not in busy:
                        tags[key] = max(tags.get(key, 0.0), min(mates, default=0.0))
                    waiting[key].append(what)
                    continue
                name, tenant, group, ended = what
                free[group] += 1
                busy.remove((name, tenant))
                if ended:
                    took = ended.end - ended.start
                    tags[_key(ended)] += (took - charge[name]) / self.weights.get(tenant, 1.0)


def _key(job: Job) -> tuple[str, int, str]:
    return job.type, job.level, job.tenant


def _tenant_may(busy: list[tuple[str, str]], job: Job, limits: dict[str, Any]) -> bool:
    cap = limits.get("tenant_cap")
    return cap is None or busy.count((job.type, job.tenant)) < cap
