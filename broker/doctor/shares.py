"""Does each tenant and group with tasks in line get its turn, and is what was set for them readable?"""

import json
import re
from collections.abc import Iterable, Iterator

from redis import Redis

from broker.doctor.finding import Finding
from broker.doctor.places import pages
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.levels import queue_name
from broker.queues.holds import FITS

#: As set_tenant.lua takes them.
_CAPS = re.compile(r"([1-9]\d*|none)?/([1-9]\d*)?/([1-9]\d*|none)?")
_WEIGHT = re.compile(r"\d+(\.\d+)?")


class Shares:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, *, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._check_caps = Script("check_caps", clock=clock)

    def findings(self, types: list[str], lines: Iterable[str]) -> Iterator[Finding]:
        """All that is wrong. ``lines`` are ``type:level:tenant:group``."""
        for page in pages(lines):
            yield from self._no_turn(page)
        for name in types:
            yield from self._at_no_cap(name)
        yield from self._unreadable()

    def _no_turn(self, lines: list[str]) -> Iterator[Finding]:
        """Who has tasks in line, is at no cap, and has no share of the queue."""
        keys, asked = self._keys, [_Line(line) for line in lines]
        with self._redis.pipeline(transaction=True) as reads:
            for line in asked:
                reads.exists(keys.waiting(line.type, line.level, line.tenant, line.group))
                reads.zscore(keys.capped(line.type), line.tenant)
                reads.sismember(keys.capped_groups(line.type), line.owner)
                reads.zscore(keys.shares(line.queue), line.tenant)
                reads.exists(keys.group_shares(line.type, line.level, line.tenant))
                reads.zscore(keys.group_shares(line.type, line.level, line.tenant), line.group)
            answers = iter(reads.execute())
        for line in asked:
            there, capped, group_capped, share, grouped, group_share = (next(answers) for _ in range(6))
            if not there or capped is not None or group_capped:
                continue
            if share is None:
                text = f"{line.tenant} waits in queue {line.queue}, and its turn never comes"
                yield Finding(text, "share", line.queue, line.owner)
            elif (line.group or grouped) and group_share is None:
                text = f"group {line.group!r} of {line.tenant} waits in queue {line.queue}, and its turn never comes"
                yield Finding(text, "share", line.queue, line.owner)

    def _at_no_cap(self, name: str) -> Iterator[Finding]:
        tenants = (tenant for tenant, _ in self._redis.zscan_iter(self._keys.capped(name)))
        for tenant in self._free(name, "tenant", tenants):
            yield Finding(f"{tenant} waits as being at a cap of {name}, and is at none", "capped", name, tenant)
        for owner in self._free(name, "group", self._redis.sscan_iter(self._keys.capped_groups(name))):
            tenant, _, group = owner.partition(":")
            text = f"group {group!r} of {tenant} waits as being at a cap of {name}, and is at none"
            yield Finding(text, "capped_group", name, owner)

    def _free(self, name: str, kind: str, members: Iterable[str]) -> Iterator[str]:
        for page in pages(members):
            yield from self._check_caps(self._redis, prefix=self._keys.prefix, type_name=name, kind=kind, members=page)

    def _unreadable(self) -> Iterator[Finding]:
        for tenant, weight in self._redis.hscan_iter(self._keys.weights()):
            if not _WEIGHT.fullmatch(weight) or not float(weight):
                yield Finding(f"the weight of {tenant} is {weight!r}", "weight", member=tenant)
        for field, caps in self._redis.hscan_iter(self._keys.tenant_limits()):
            if not _CAPS.fullmatch(caps):
                yield Finding(f"the caps of {field} are {caps!r}", "tenant_limit", member=field)
        for hold, record in self._redis.hscan_iter(self._keys.holds()):
            if not _is_hold(record):
                yield Finding(f"hold {hold} cannot be read, and holds nothing", "hold", hold)


class _Line:
    def __init__(self, name: str) -> None:
        self.type, level, self.tenant, self.group = name.split(":", 3)
        self.level = int(level)

    @property
    def queue(self) -> str:
        return queue_name(self.type, self.level)

    @property
    def owner(self) -> str:
        return f"{self.tenant}:{self.group}"


def _is_hold(text: str) -> bool:
    try:
        record = json.loads(text)
    except ValueError:
        return False
    return isinstance(record, dict) and not record.keys().isdisjoint(FITS)
