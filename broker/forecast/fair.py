"""Whose turn it is in one level of a type: start-time fair queueing among tenants, and in a tenant among its groups.

The next task is of the tenant with the smallest tag. A start moves the tag on by what it is charged over its weight;
when the run has ended, by what it took instead. While nobody else waits nothing is charged. Who comes begins at the
smallest tag of those who wait; if it is new, where the last charged start began, if that is smaller. Whoever is
at a cap leaves, and comes back so. As include/shares.lua has it.
"""

from collections.abc import Callable, Collection
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from broker.forecast.snapshot import Charge, Lines

#: As in include/shares.lua, in microseconds.
_BEHIND, _MOST_BEHIND = 0.001, 10_000


class Queue:
    """What a group of a tenant has waiting. ``shares``: it takes its turns, by its tag."""

    __slots__ = ("group", "shares", "tag", "waiting")

    def __init__(self, group: str, waiting: int, tag: float, *, shares: bool) -> None:
        self.group, self.waiting, self.tag, self.shares = group, waiting, tag, shares


class Member:
    """A tenant in a level."""

    __slots__ = ("queues", "tenant", "turn", "waiting", "weight")

    def __init__(self, tenant: str, weight: float, turn: float | None = None) -> None:
        """``turn``: the start tag of its group's start that was charged last."""
        self.tenant, self.weight, self.turn, self.waiting = tenant, weight, turn, 0
        self.queues: dict[str, Queue] = {}

    def may_have_turns(self) -> bool:
        """Whether something of it waits, or did when its turn came last, beside groups that are at a cap."""
        plain = self.queues.get("")
        return bool(plain and plain.waiting) or self.turn is not None or any(q.shares for q in self.queues.values())

    def sharing(self) -> list[Queue]:
        """Its groups, whose turn is first."""
        return sorted((each for each in self.queues.values() if each.shares), key=lambda each: (each.tag, each.group))

    def join(self, group: str, *, anew: bool) -> None:
        """The group shares from now on; where there are groups, tasks of none are one more.

        ``anew``: it begins where the others are also if its own tag is larger, a debt.
        """
        plain = self.queues.get("")
        if group and plain and plain.waiting and not plain.shares:
            self._enter(plain)
        queue = self.queues[group]
        if not queue.shares or (anew and queue.tag > min(each.tag for each in self.queues.values() if each.shares)):
            self._enter(queue)

    def _enter(self, queue: Queue) -> None:
        tags = [each.tag for each in self.queues.values() if each.shares]
        queue.tag, queue.shares = _begin(tags, self.turn, known=queue.shares), True

    def first(self, caps: "Caps | None") -> tuple[Queue | None, bool]:
        """Whose turn it is, and whether another group shares with it."""
        plain = self.queues.get("")
        if plain and len(self.queues) == 1 and not plain.shares:  # as most have it
            return (plain if plain.waiting else None), False
        for queue in self.sharing():
            if not (caps and caps.holds_group(self.tenant, queue.group)) and queue.waiting:
                rivals = len(self.sharing()) > 1
                self.turn = self.turn if rivals else None
                return queue, rivals
            queue.shares = False
        self.turn = None
        return (plain, False) if plain and plain.waiting else (None, False)


class Turn(NamedTuple):
    """Who is next, and whether others share beside it: the tenant, and the group in its tenant."""

    member: Member
    queue: Queue
    rivals: bool
    group_rivals: bool


class Caps(Protocol):
    """Who is at a cap; asked when its turn has come, and then put aside."""

    def holds_tenant(self, tenant: str) -> bool: ...
    def holds_group(self, tenant: str, group: str) -> bool: ...


class Level:
    """One level of a type. ``weight`` tells that of a tenant. Members are made when it is about them."""

    __slots__ = ("_lines", "_order", "_turn", "_weight", "members", "number", "shares", "waiting")

    def __init__(self, number: int, lines: Lines, weight: Callable[[str], float]) -> None:
        self.number = number
        self.waiting = lines.waiting
        self.members: dict[str, Member] = {}
        #: Tags of those who take their turns, also of some who have nothing waiting any more.
        self.shares = lines.tags.copy()
        self._lines, self._weight, self._turn = lines, weight, lines.turn
        self._order = lines.order.copy()

    def member(self, tenant: str) -> Member | None:
        """A tenant that has had something here."""
        if tenant not in self.members and (lines := self._lines.of.get(tenant)):
            member = self.members[tenant] = Member(tenant, self._weight(tenant), lines[0].group_turn)
            for line in lines:
                member.queues[line.group] = Queue(line.group, line.waiting, line.group_tag, shares=line.shares)
                member.waiting += line.waiting
        return self.members.get(tenant)

    def all(self) -> list[Member]:
        """All of them who wait."""
        known = [self.member(tenant) for tenant in self._lines.of] + list(self.members.values())
        return list({each.tenant: each for each in known if each and each.waiting}.values())

    def waits(self) -> dict[str, int]:
        """The same as how much each has waiting."""
        found = {tenant: count for tenant, count in self._lines.counts.items() if tenant not in self.members}
        return found | {tenant: each.waiting for tenant, each in self.members.items() if each.waiting}

    def weight(self, tenant: str) -> float:
        return self._weight(tenant)

    def tag(self, tenant: str) -> float:
        """Where a tenant stands, or would begin."""
        return self.shares.get(tenant, min(self._least(), self._least() if self._turn is None else self._turn))

    def _least(self) -> float:
        while self._order and self.shares.get(self._order[0][1]) != self._order[0][0]:
            heappop(self._order)  # it has moved since
        return self._order[0][0] if self._order else 0.0

    def take(self, caps: Caps | None) -> Turn | None:
        """Takes the task whose turn it is; ``None`` when nobody has one, or all are at their caps."""
        while self.shares:
            self._least()
            tenant = self._order[0][1]
            member, alone = self.member(tenant), len(self.shares) == 1
            self._turn = None if alone else self._turn
            queue = None
            if member and not (caps and caps.holds_tenant(tenant)):
                queue, rivals = member.first(caps)
            if member and queue:
                queue.waiting -= 1
                member.waiting -= 1
                self.waiting -= 1
                return Turn(member, queue, not alone, rivals)
            del self.shares[tenant]
        self._turn = None
        return None

    def add(self, tenant: str, group: str, *, busy: bool, group_busy: bool, grouped: bool) -> None:
        """One more task at the end of a line.

        ``busy``: something of the tenant waits or runs; ``group_busy``: of the group, runs; ``grouped``: the type is.
        """
        member = self.member(tenant) or self.members.setdefault(tenant, Member(tenant, self._weight(tenant)))
        queue = member.queues.setdefault(group, Queue(group, 0, 0.0, shares=False))
        queue.waiting += 1
        member.waiting += 1
        self.waiting += 1
        if queue.waiting == 1:
            if grouped:
                member.join(group, anew=not group_busy)
            self.join(tenant, anew=not busy)

    def join(self, tenant: str, *, anew: bool = False) -> None:
        """The tenant takes its turns, from the smallest tag on; ``anew``: also if its own is larger, a debt."""
        if tenant not in self.shares or (self.shares[tenant] > self._least() and anew):
            self._move(tenant, _begin(self.shares.values(), self._turn, known=tenant in self.shares))

    def charge(self, turn: Turn, us: float) -> Charge | None:
        """What a start is thought to cost, in microseconds: of those who have a rival."""
        if not (turn.rivals or turn.group_rivals):
            return None
        tenant = turn.member.tenant
        if turn.rivals:
            self._turn = self.shares[tenant]
            self.correct(tenant, us / turn.member.weight)
        if turn.group_rivals:
            turn.member.turn = turn.queue.tag
            turn.queue.tag += us
        return Charge(us, tenant=turn.rivals, group=turn.group_rivals)

    def correct(self, tenant: str, us: float) -> None:
        """Moves a tag, if it is there."""
        if tenant in self.shares:
            self._move(tenant, self.shares[tenant] + us)

    def _move(self, tenant: str, tag: float) -> None:
        self.shares[tenant] = tag
        heappush(self._order, (tag, tenant))


def _begin(tags: Collection[float], turn: float | None, *, known: bool) -> float:
    """Where one begins among these tags: behind those who begin there already, who came first.

    ``known``: it is among them, and does not look at the turn.
    """
    stand = [*tags] if turn is None else [*tags, turn]
    if not stand:
        return 0.0
    least = min(tags if known else stand)
    return least + _BEHIND * sum(least <= tag <= least + _BEHIND * _MOST_BEHIND for tag in stand)
