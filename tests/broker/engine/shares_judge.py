"""A judge of fair shares with books of its own: what came, what started and what it took. It reads no tag.

The bounds (docs/architecture.md, "Fair shares"): while two wait at a level, what their starts took by weight differs by
at most a longest task of each, and with several workers by what their estimates may be wrong about, twice for each of
their runs at a time. Who had nothing waiting and nothing running starts after at most one start of each other.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate, combinations

from tests.broker.engine.engine import SECOND, START

_TOKEN = 10**9
#: What is charged for a task of which nothing is known, in microseconds.
_UNKNOWN = SECOND
#: Who begins at the tag of others stands microseconds behind them, and tags are rounded.
_SLACK = 100.0


@dataclass
class Job:
    id: str
    tenant: str
    group: str
    level: int
    #: Microseconds that it takes if nothing happens to it.
    needs: int
    held: bool = False
    crashes: int = 0

    @property
    def line(self) -> tuple[int, str, str]:
        return self.level, self.tenant, self.group


@dataclass
class Start:
    job: Job
    us: int
    took: int = 0


@dataclass
class Terms:
    """What holds for a whole history."""

    workers: int
    weights: dict[str, float]
    #: Estimates are right from the first task on.
    exact: bool
    concurrency: int | None = None
    #: Starts per 1,000 seconds.
    rate: int | None = None
    burst: int = 1
    group_concurrency: int | None = None
    #: Tasks rise: levels and the order of lines are not judged then, and no shares.
    aging: int | None = None


#: Of a level, or of a tenant at a level: a start, or who has work that may start from then on.
Log = list[Start | frozenset[str]]
NameOf = Callable[[Job], str]


@dataclass
class Judge:
    terms: Terms
    now: int = START
    lines: dict[tuple[int, str, str], list[Job]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[str, Start] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    tenants: dict[int, Log] = field(default_factory=lambda: defaultdict(list))
    groups: dict[tuple[int, str], Log] = field(default_factory=lambda: defaultdict(list))
    #: (level, tenant) or (level, tenant, group) that came with nothing behind it -> the starts of others since.
    newcomers: dict[tuple[int | str, ...], list[Start]] = field(default_factory=dict)
    as_expected: bool = True
    #: Who has come, and who has come again with nothing behind it, as in `newcomers`.
    known: set[tuple[int | str, ...]] = field(default_factory=set)
    returned: set[tuple[int | str, ...]] = field(default_factory=set)

    # what happens ------------------------------------------------------------------------------------------------

    def came(self, jobs: list[Job]) -> None:
        """In one call, of one line."""
        one = jobs[0]
        waiting = [job for line in self.lines.values() for job in line if job.tenant == one.tenant]
        running = [start.job for start in self.runs.values() if start.job.tenant == one.tenant]
        if not waiting and not running:
            self._came_anew((one.level, one.tenant))
        if not any(job.group == one.group for job in [*waiting, *running]) and (one.group or not running):
            self._came_anew(one.line)
        self.known |= {(one.level, one.tenant), one.line}
        self.lines[one.line].extend(jobs)
        self.look()

    def _came_anew(self, name: tuple[int | str, ...]) -> None:
        self.newcomers.setdefault(name, [])
        if name in self.known:
            self.returned.add(name)

    def began(self, task_id: str) -> Job:
        line = next(line for line in self.lines.values() if any(job.id == task_id for job in line))
        first = next(job for job in line if not job.held)
        if self.terms.aging:
            first = next(job for job in line if job.id == task_id)
        assert first.id == task_id, f"{task_id} started before {first}"
        self._judge_right(first)
        line.remove(first)
        start = Start(first, self.now)
        self.runs[task_id] = start
        self.starts.append(start)
        self.tenants[first.level].append(start)
        self.groups[first.level, first.tenant].append(start)
        self._judge_newcomers(start)
        self.look()
        return first

    def ended(self, task_id: str, *, early: bool = False) -> Job:
        start = self.runs.pop(task_id)
        start.took = self.now - start.us
        self.as_expected &= not early
        self.look()
        return start.job

    def came_back(self, job: Job, *, first: bool) -> None:
        """Before all others that are in line, or at the end."""
        line = self.lines[job.line]
        place = next((i for i, each in enumerate(line) if not each.held), len(line)) if first else len(line)
        line.insert(place, job)
        self.look()

    def left(self, job: Job) -> None:
        self.lines[job.line].remove(job)
        self.look()

    def waiting(self) -> list[Job]:
        return [job for line in self.lines.values() for job in line]

    # who may start -----------------------------------------------------------------------------------------------

    def startable(self) -> list[Job]:
        return [job for job in self.waiting() if self._may_start(job)]

    def due(self, tenant: str) -> int:
        """When its next token is there: from those that flowed in since the beginning, by its starts in order."""
        level, since = 0, START
        rate, most = self.terms.rate or 0, self.terms.burst * _TOKEN
        for start in self.starts:
            if start.job.tenant == tenant:
                level, since = min(most, level + (start.us - since) * rate) - _TOKEN, start.us
        return max(since, since - (level - _TOKEN) // rate)

    def _may_start(self, job: Job) -> bool:
        running = [start.job for start in self.runs.values() if start.job.tenant == job.tenant]
        of_group = [each for each in running if job.group and each.group == job.group]
        terms = self.terms
        return not (
            job.held
            or (terms.concurrency and len(running) >= terms.concurrency)
            or (terms.group_concurrency and len(of_group) >= terms.group_concurrency)
            or (terms.rate and self.due(job.tenant) > self.now)
        )

    # the judge ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Notes who has work that may start."""
        able = self.startable()
        for level in {job.level for job in self.waiting()} | self.tenants.keys():
            self.tenants[level].append(frozenset(job.tenant for job in able if job.level == level))
        for level, tenant in {(job.level, job.tenant) for job in self.waiting()} | self.groups.keys():
            here = frozenset(job.group for job in able if (job.level, job.tenant) == (level, tenant))
            self.groups[level, tenant].append(here)
        lines = {(job.level, job.tenant) for job in able} | {job.line for job in able}
        self.newcomers = {name: starts for name, starts in self.newcomers.items() if name in lines}

    def _judge_right(self, job: Job) -> None:
        able = self.startable()
        assert job in able, f"{job} must not start"
        if not self.terms.aging:
            assert job.level == max(each.level for each in able), f"{job} started before a higher level"

    def _judge_newcomers(self, start: Start) -> None:
        job = start.job
        for name, starts in self.newcomers.items():
            if name in ((job.level, job.tenant), job.line):
                continue
            if name[0] == job.level and (len(name) == 2 or name[1] == job.tenant):
                starts.append(start)
                self._judge_wait(name, starts)
        self.newcomers.pop((job.level, job.tenant), None)
        self.newcomers.pop(job.line, None)

    def _judge_wait(self, name: tuple[int | str, ...], starts: list[Start]) -> None:
        others = [each.job.tenant if len(name) == 2 else each.job.group for each in starts]
        twice = [other for other, count in Counter(others).items() if count > 1]
        if self._is_exact(name):
            assert not twice, f"{name} waits while {twice} started more than once"

    def _is_exact(self, *names: tuple[int | str, ...]) -> bool:
        """Has what all were charged at each start, and when these came, been what it took?"""
        if self.terms.aging:
            return False
        if self.terms.exact and self.as_expected:
            return True
        return self.terms.workers == 1 and not self.returned & set(names)

    def judge_shares(self) -> None:
        """After all has ended."""
        if self.terms.aging:
            return
        for level, log in self.tenants.items():
            self._judge_log(log, (level,), lambda job: job.tenant, self.terms.weights)
        for where, log in self.groups.items():
            self._judge_log(log, where, lambda job: job.group, {})

    def _judge_log(self, log: Log, where: tuple[int | str, ...], name_of: NameOf, weights: dict[str, float]) -> None:
        longest: dict[str, float] = defaultdict(float)
        for each in log:
            if isinstance(each, Start):
                name = name_of(each.job)
                longest[name] = max(longest[name], each.took / weights.get(name, 1.0))
        most_wrong = max([_UNKNOWN, *(start.took for start in self.starts)]) / min([1.0, *weights.values()])
        for a, b in combinations(sorted(longest), 2):
            found = _spread(log, name_of, weights, a, b)
            exact = self._is_exact((*where, a), (*where, b))
            runs = _at_a_time([each for each in log if isinstance(each, Start) and name_of(each.job) in (a, b)])
            bound = longest[a] + longest[b] + _SLACK + (0 if exact else 2 * runs * most_wrong)
            assert found <= bound, f"{where}: {a} and {b} differ by {found:.0f}, at most {bound:.0f} is right"


def _at_a_time(starts: list[Start]) -> int:
    """The most that ran at one moment; one that ends when another begins counts as beside it."""
    moments = sorted((us, -step) for each in starts for us, step in ((each.us, 1), (each.us + each.took, -1)))
    return max(accumulate(-step for _, step in moments))


def _spread(log: Log, name_of: NameOf, weights: dict[str, float], a: str, b: str) -> float:
    """The most by which what two got differs in any interval in which both had work waiting."""
    most = difference = low = high = 0.0
    both = False
    for each in log:
        if isinstance(each, Start):
            name = name_of(each.job)
            if both and name in (a, b):
                got = each.took / weights.get(name, 1.0)
                difference += got if name == a else -got
                low, high = min(low, difference), max(high, difference)
                most = max(most, high - low)
        elif not {a, b} <= each:
            both, difference, low, high = False, 0.0, 0.0, 0.0
        else:
            both = True
    return most
