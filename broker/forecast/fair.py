"""Whose turn it is in one level of a type: start-time fair queueing among tenants, and in a tenant among its groups.

The next task is of the tenant with the smallest tag. A start moves the tag on by what it is charged over its weight;
when the run has ended, by what it took instead. While nobody else waits nothing is charged. Who comes begins at the
smallest tag of those who wait; whoever is at a cap leaves, and comes back so. As include/shares.lua has it.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from broker.forecast.snapshot import Lines

#: As in include/shares.lua, in microseconds.
_BEHIND, _MOST_BEHIND = 0.001, 10_000


class Queue:
    """What a group of a tenant has waiting. ``shares``: it takes its turns, by its tag."""

    __slots__ = ("group", "shares", "tag", "waiting")

    def __init__(self, group: str, waiting: int, tag: float, *, shares: bool) -> None:
        self.group, self.waiting, self.tag, self.shares = group, waiting, tag, shares


class Member:
    """A tenant in a level."""

    __slots__ = ("queues", "tenant", "waiting", "weight")

    def __init__(self, tenant: str, weight: float) -> None:
        self.tenant, self.weight, self.waiting = tenant, weight, 0
        self.queues: dict[str, Queue] = {}

    def sharing(self) -> list[Queue]:
        """Its groups, whose turn is first."""
        return sorted((each for each in self.queues.values() if each.shares), key=lambda each: (each.tag, each.group))

    def join(self, group: str) -> None:
        """The group shares from now on; where there are groups, tasks of none are one more."""
        plain = self.queues.get("")
        for each in (plain, self.queues[group]) if plain and plain.waiting and group else (self.queues[group],):
            if not each.shares:
                tags = [other.tag for other in self.queues.values() if other.shares]
                each.tag, each.shares = _behind(min(tags, default=0.0), tags), True


class Turn(NamedTuple):
    """Who is next, and whether it is charged, and its group."""

    member: Member
    queue: Queue
    charged: bool
    rivals: bool


class Caps(Protocol):
    """Who is at a cap; asked when its turn has come, and then put aside."""

    def holds_tenant(self, tenant: str) -> bool: ...
    def holds_group(self, tenant: str, group: str) -> bool: ...


class Level:
    """One level of a type. ``weight`` tells that of a tenant. Members are made when it is about them."""

    __slots__ = ("_lines", "_order", "_weight", "members", "number", "shares", "waiting")

    def __init__(self, number: int, lines: Lines, weight: Callable[[str], float]) -> None:
        self.number = number
        self.waiting = lines.waiting
        self.members: dict[str, Member] = {}
        #: Tags of those who take their turns, also of some who have nothing waiting any more.
        self.shares = lines.tags.copy()
        self._lines, self._weight = lines, weight
        self._order = lines.order.copy()

    def member(self, tenant: str) -> Member | None:
        """A tenant that has had something here."""
        if tenant not in self.members and (lines := self._lines.of.get(tenant)):
            member = self.members[tenant] = Member(tenant, self._weight(tenant))
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
        return self.shares.get(tenant, self._least())

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
            queue = None
            if member and not (caps and caps.holds_tenant(tenant)):
                queue, rivals = _first_queue(member, caps)
            if member and queue:
                queue.waiting -= 1
                member.waiting -= 1
                self.waiting -= 1
                return Turn(member, queue, not alone or rivals, rivals)
            del self.shares[tenant]
        return None

    def add(self, tenant: str, group: str, *, busy: bool) -> None:
        """One more task at the end of a line. ``busy``: something of the tenant waits or runs."""
        member = self.member(tenant) or self.members.setdefault(tenant, Member(tenant, self._weight(tenant)))
        queue = member.queues.setdefault(group, Queue(group, 0, 0.0, shares=False))
        queue.waiting += 1
        member.waiting += 1
        self.waiting += 1
        if queue.waiting == 1:
            if group or any(each.shares for each in member.queues.values()):
                member.join(group)
            self.join(tenant, anew=not busy)

    def join(self, tenant: str, *, anew: bool = False) -> None:
        """The tenant takes its turns, from the smallest tag on; ``anew``: also if its own is larger, a debt."""
        least = self._least()
        if tenant not in self.shares or (self.shares[tenant] > least and anew):
            self._move(tenant, _behind(least, self.shares.values()))

    def charge(self, turn: Turn, us: float) -> None:
        """What a start is thought to cost, in microseconds."""
        self.correct(turn.member.tenant, us / turn.member.weight)
        if turn.rivals:
            turn.queue.tag += us

    def correct(self, tenant: str, us: float) -> None:
        """Moves a tag, if it is there."""
        if tenant in self.shares:
            self._move(tenant, self.shares[tenant] + us)

    def _move(self, tenant: str, tag: float) -> None:
        self.shares[tenant] = tag
        heappush(self._order, (tag, tenant))


def _behind(least: float, tags: Iterable[float]) -> float:
    """Where one begins: behind those who begin there already, who came first."""
    return least + _BEHIND * sum(least <= tag <= least + _BEHIND * _MOST_BEHIND for tag in tags)


def _first_queue(member: Member, caps: Caps | None) -> tuple[Queue | None, bool]:
    """Of the tenant, and whether another group shares with it."""
    plain = member.queues.get("")
    if plain and len(member.queues) == 1 and not plain.shares:  # as most have it
        return (plain if plain.waiting else None), False
    for queue in member.sharing():
        if queue.waiting and not (caps and caps.holds_group(member.tenant, queue.group)):
            return queue, len(member.sharing()) > 1
        queue.shares = False
    return (plain, False) if plain and plain.waiting else (None, False)
