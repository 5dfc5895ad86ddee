"""One type on virtual time: what waits in its levels, its bucket, what runs of it, and who is at a cap."""

from collections import defaultdict
from collections.abc import Callable

from broker.forecast.bucket import MICRO, TOKEN, Bucket
from broker.forecast.fair import Level, Turn
from broker.forecast.snapshot import Charge, Lines, TypeState

#: What a task is charged for which nothing is known, in microseconds; as in include/shares.lua.
_UNKNOWN, _NEGLIGIBLE = 1_000_000.0, 1000.0


class TypeQueue:
    """Made of a type's state. ``weight`` tells that of a tenant."""

    def __init__(self, name: str, state: TypeState, weight: Callable[[str], float]) -> None:
        self.name, self.state, self._weight = name, state, weight
        #: The highest first.
        self.levels = [Level(number, state.levels[number], weight) for number in sorted(state.levels, reverse=True)]
        self.bucket = Bucket(state.rate, state.burst, state.bucket)
        self.served = -round(state.served * MICRO)
        self.running = 0
        self._grouped = state.grouped
        self._caps = self if state.capped else None
        self._of_tenant: dict[str, int] = defaultdict(int)
        self._of_group: dict[tuple[str, str], int] = defaultdict(int)
        self._buckets: dict[str, Bucket] = {}
        #: Tenants at a cap, with the moment at which they have a token; ``None`` for the end of a run of theirs.
        self._aside: dict[str, int | None] = {}
        self._groups_aside: set[tuple[str, str]] = set()
        self._estimates = dict(state.estimates)
        #: Of the runs that have ended, what those of a tenant took together, and how many they are.
        self._done: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
        self._now = 0
        for tenant in state.aside:
            if not self.holds_tenant(tenant):
                self._let_go(tenant)

    @property
    def open(self) -> bool:
        """Only a token, or a tenant's cap, could hold a start back."""
        most = self.state.concurrency
        return not self.state.paused and (most is None or self.running < most)

    def top(self) -> Level | None:
        """The highest level in which somebody may have a turn."""
        for level in self.levels:
            if level.shares:
                return level
        return None

    # what comes and goes ----------------------------------------------------------------------------------------

    def add(self, number: int, tenant: str, group: str) -> None:
        """One more task waits."""
        level = next((each for each in self.levels if each.number == number), None)
        if level is None:
            level = Level(number, Lines(()), self._weight)
            self.levels.append(level)
            self.levels.sort(key=lambda each: -each.number)
        known = [each.member(tenant) for each in self.levels]
        waits = any(member.waiting for member in known if member)
        running = self._of_tenant[tenant]
        of_group = self._of_group[tenant, group] if group else running
        self._grouped = self._grouped or group != ""
        busy = {"busy": waits or running > 0, "group_busy": of_group > 0}
        level.add(tenant, group, **busy, grouped=self._grouped)

    def take(self, level: Level, now: int, ahead: int) -> tuple[Turn, Charge | None] | None:
        """The task whose turn it is in the level, started, and what is charged for it, if anything."""
        self._now = now
        turn = level.take(self._caps)
        if turn is None:
            return None
        charge = level.charge(turn, float(int(self._estimate(turn.member.tenant))))
        self.bucket.spend(now, ahead)
        if self._caps:
            self._bucket_of(turn.member.tenant).spend(now, 0)
        self.served = now
        self.begin(turn.member.tenant, turn.queue.group)
        return turn, charge

    def begin(self, tenant: str, group: str) -> None:
        """A run begins."""
        self.running += 1
        self._of_tenant[tenant] += 1
        self._of_group[tenant, group] += 1

    def end(self, number: int, tenant: str, group: str, took: float, charge: Charge | None) -> None:
        """A run ends that took so many microseconds; ``charge`` as `take` told it."""
        if charge is not None:
            self._settle(number, tenant, group, took, charge)
        sum_us, runs = self._done[tenant]
        self._done[tenant] = sum_us + took, runs + 1
        self.running -= 1
        self._of_tenant[tenant] -= 1
        self._of_group[tenant, group] -= 1
        if (tenant, group) in self._groups_aside:
            self._groups_aside.remove((tenant, group))
            for level in self.levels:
                member = level.member(tenant)
                if member and group in member.queues and member.queues[group].waiting:
                    member.join(group, anew=self._of_group[tenant, group] == 0)
                    level.join(tenant)
        if tenant in self._aside and self._aside[tenant] is None:
            self._let_go(tenant)

    # what tenants are charged -----------------------------------------------------------------------------------

    def _estimate(self, tenant: str) -> float:
        if tenant not in self._estimates:
            durations, (sum_us, runs) = self.state.tenant_durations.get(tenant), self._done[tenant]
            if not durations and not runs:
                return self._estimates.get("", _UNKNOWN)
            self._estimates[tenant] = durations.mean * MICRO if durations else float(int(sum_us / runs))
        return self._estimates[tenant]

    def _settle(self, number: int, tenant: str, group: str, took: float, charge: Charge) -> None:
        for level in self.levels:
            if level.number == number and (member := level.member(tenant)):
                if charge.tenant:
                    level.correct(tenant, (took - charge.us) / member.weight)
                if charge.group and (queue := member.queues.get(group)) and queue.shares:
                    queue.tag += took - charge.us
        if abs(took - charge.us) > max(_NEGLIGIBLE, charge.us / 4):
            self._estimates[tenant] = self._estimates[""] = charge.us + (took - charge.us) / 4

    # caps -------------------------------------------------------------------------------------------------------

    def holds_tenant(self, tenant: str) -> bool:
        """Is it at a cap? Then it is aside until its token is due, or a run of it ends."""
        most = self.state.caps_of(tenant).tenant_concurrency
        if most is not None and self._of_tenant[tenant] >= most:
            self._aside[tenant] = None
            return True
        wait = self._bucket_of(tenant).due(self._now)
        if wait:
            self._aside[tenant] = self._now + wait
        return wait != 0

    def holds_group(self, tenant: str, group: str) -> bool:
        """Is it at its cap? Then it is aside until a run of it ends."""
        most = self.state.caps.group_concurrency
        if not group or most is None or self._of_group[tenant, group] < most:
            return False
        self._groups_aside.add((tenant, group))
        return True

    def let_go_due(self, now: int) -> None:
        """Tenants whose token is there go on."""
        due = sorted((at, tenant) for tenant, at in self._aside.items() if at is not None and at <= now)
        for _, tenant in due:
            self._let_go(tenant)

    def next_due(self) -> int | None:
        """The moment at which the next tenant that is aside has a token."""
        return min((due for due in self._aside.values() if due is not None), default=None)

    def _let_go(self, tenant: str) -> None:
        self._aside.pop(tenant, None)
        for level in self.levels:
            member = level.member(tenant)
            if member and member.may_have_turns():
                level.join(tenant)

    def _bucket_of(self, tenant: str) -> Bucket:
        if tenant not in self._buckets:
            caps = self.state.caps_of(tenant)
            nano = self.state.tenant_buckets.get(tenant, caps.tenant_burst * TOKEN)
            self._buckets[tenant] = Bucket(caps.tenant_rate, caps.tenant_burst, nano)
        return self._buckets[tenant]
