"""The examination: two looks, so that what is merely in motion is not called wrong, then the cures."""

import time
from collections.abc import Callable, Iterator

from redis import ResponseError

from broker.access.audit_log import AuditLog
from broker.actor import command_line
from broker.broker import Broker
from broker.daemon.reconcile import Reconcile
from broker.doctor.cause import cause
from broker.doctor.finding import Finding
from broker.doctor.key_types import KeyTypes
from broker.doctor.places import Places
from broker.doctor.processes import Processes
from broker.doctor.server import server_findings
from broker.doctor.shares import Shares
from broker.doctor.summary import summary
from broker.doctor.surroundings import Surroundings
from broker.engine.connection import redis_errors
from broker.engine.scripts import Script
from broker.errors import Unavailable

#: Seconds between the looks; within them the daemon's reconciler mends what a foreign hand has changed.
BETWEEN_LOOKS = 4.0


class Doctor:
    """Examines one broker's Redis, also while everything runs."""

    def __init__(self, broker: Broker, *, clock: str = "clock", wait: Callable[[float], object] = time.sleep) -> None:
        self._broker = broker
        self._redis, self._keys = broker.redis, broker.keys
        self._places = Places(self._redis, self._keys, clock=clock)
        self._surroundings = Surroundings(self._redis, self._keys)
        self._shares = Shares(self._redis, self._keys, clock=clock)
        self._processes = Processes(self._redis, self._keys)
        self._key_types = KeyTypes(self._redis, self._keys)
        self._reconcile = Reconcile(self._redis, self._keys, clock=clock)
        self._wait = wait
        names = ("reconcile", "repair_place", "repair_surroundings")
        self._scripts = {name: Script(name, clock=clock) for name in names}

    def check(self) -> list[Finding]:
        """All that is wrong, and was wrong some seconds ago as well."""
        first = set(self._look())
        if not first:
            return []
        self._wait(BETWEEN_LOOKS)
        return sorted(first & set(self._look()), key=lambda finding: finding.text)

    def repair(self, finding: Finding) -> bool:
        """Whether it could do something about it."""
        if finding.cure in ("task", "order"):
            return self._repair_task(finding)
        if finding.cure == "declare":
            self._broker.queues.declare()
            return True
        if finding.cure == "workers":
            self._reconcile.forget_dead_workers()
            return True
        if finding.cure == "wrong_type":
            return bool(self._redis.rename(finding.place, self._keys.set_aside(finding.place)))
        return bool(finding.cure) and bool(
            self._run("repair_surroundings", what=finding.cure, subject=finding.place, of=finding.member)
        )

    def _repair_task(self, finding: Finding) -> bool:
        """The reconciler's own means first, since they know what a foreign hand meant; then for what they leave."""
        task_id = finding.member.partition(":")[0]
        queue = finding.queue or self._redis.hget(self._keys.job(task_id), "origin")
        moved = self._run("reconcile", id=task_id, tenant=finding.tenant, queue=queue, copies="") if queue else ""
        reorder = int(finding.cure == "order" and not moved)
        displaced = self._run("repair_place", place=finding.place, member=finding.member, reorder=reorder)
        return bool(moved or displaced)

    def _look(self) -> Iterator[Finding]:
        wrong = list(self._key_types.findings())
        yield from wrong
        unreadable = {finding.place for finding in wrong}
        for name, findings in self._parts(*(self._members(key, unreadable) for key in ("types", "tenants"))):
            try:
                yield from findings
            except (ResponseError, ValueError, TypeError) as error:
                if not wrong:  # else it is what reads such a key
                    yield Finding(f"{name} cannot be checked: {error}")

    def _members(self, name: str, unreadable: set[str]) -> list[str]:
        key = getattr(self._keys, name)()
        return [] if key in unreadable else sorted(self._redis.smembers(key))

    def _parts(self, types: list[str], tenants: list[str]) -> Iterator[tuple[str, Iterator[Finding]]]:
        unique = self._keys.unique("", "", "").rstrip(":") + ":"
        unique_keys = (unique + rest for rest in self._below(unique))
        yield (
            "the places of tasks",
            self._places.findings(types, tenants, self._below(self._keys.job("")), self._ordered()),
        )
        yield "the declared types", self._undeclared()
        yield "queues and workers", self._surroundings.findings(types, tenants, unique_keys)
        yield "fair shares", self._shares.findings(types, self._lines())
        yield "daemons and webhooks", self._processes.findings(types, tenants)
        yield "the server", self._server()

    def _server(self) -> Iterator[Finding]:
        refused, _ = server_findings(self._broker)
        yield from map(Finding, refused)

    def _undeclared(self) -> Iterator[Finding]:
        for name in self._broker.queues.undeclared():  # of those that this process knows
            yield Finding(f"type {name} is not declared, its tasks do not start: is a daemon running?", "declare")

    def _lines(self) -> Iterator[str]:
        """``type:level:tenant:group`` of all lines."""
        return self._below(self._keys.waiting("", 0, "", "").partition(":0:")[0])

    def _ordered(self) -> Iterator[str]:
        """The names without prefix of lines, and of what holds have put aside."""
        yield from (f"broker:waiting:{line}" for line in self._lines())
        yield from (f"broker:held:{hold}" for hold in self._below(self._keys.held("")))

    def _below(self, prefix: str) -> Iterator[str]:
        """What follows the prefix in the names of all keys that begin so."""
        for key in self._redis.scan_iter(prefix + "*", count=1000):
            yield key.removeprefix(prefix)

    def _run(self, name: str, **values: object) -> object:
        return self._scripts[name](self._redis, prefix=self._keys.prefix, **values)


def doctor(broker: Broker, *, repair: bool, wait: Callable[[float], object] = time.sleep) -> int:
    """Prints how things stand and what is wrong; returns the exit status, 1 when something is left."""
    checker = Doctor(broker, wait=wait)
    try:
        with redis_errors():
            _print_summary(broker)
            left = checker.check()
            if repair and left:
                _repair(checker, left, broker.audit_log)
                left = checker.check()
    except Unavailable as error:
        print(f"wrong: {cause(broker.settings, error)}")
        return 1
    for finding in left:
        print(f"wrong: {finding.text}")
    print(f"findings: {len(left)}" if left else "healthy")
    return 1 if left else 0


def _print_summary(broker: Broker) -> None:
    try:
        for line in summary(broker.redis, broker.keys, sorted(broker.redis.smembers(broker.keys.types()))):
            print(line)
    except (ResponseError, ValueError, TypeError) as error:
        print(f"the rest of how things stand cannot be told: {' '.join(str(error).split())[:80]}")


def _repair(checker: Doctor, findings: list[Finding], log: AuditLog) -> None:
    for finding in findings:
        if checker.repair(finding):
            print(f"repaired: {finding.text}")
            log.note(command_line(), "doctor.repaired", finding.place, {"wrong": finding.text})
