"""What a task type declares: one frozen record, written once, in the file of its handler."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from marshmallow import Schema, ValidationError

from broker.defects import Defect, pointers
from broker.environment.converters import Number, Thousandths, Whole
from broker.environment.reading import read
from broker.errors import InvalidInput
from broker.levels import MAX_PRIORITY

_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: Rates are kept in thousandths of a start per second, so that the bucket's arithmetic stays in integers.
MAX_RATE, MAX_BURST, MAX_CONCURRENCY = 100_000.0, 1_000_000, 100_000
MAX_RETRIES, MAX_TIMEOUT = 100, 7 * 24 * 3600
MAX_VERSION = 1000
#: What the memory between a worker and its child has room for.
MAX_BATCH = 32
_BOUNDS = {
    "rate": (0.001, MAX_RATE),
    "burst": (1, MAX_BURST),
    "concurrency": (1, MAX_CONCURRENCY),
    "timeout": (1, MAX_TIMEOUT),
    "max_retries": (0, MAX_RETRIES),
    "priority": (0, MAX_PRIORITY),
    "version": (1, MAX_VERSION),
    "min_version": (1, MAX_VERSION),
    "batch_size": (1, MAX_BATCH),
}
#: What the environment may set, how it is read, and what it is.
_OVERRIDABLE = {
    "rate": (Thousandths, "Starts per second."),
    "burst": (Whole, "Starts at once before the rate binds."),
    "concurrency": (Whole, "Tasks that run at the same time."),
    "timeout": (Whole, "Seconds of a run."),
    "max_retries": (Whole, "Retries of a task."),
}
_OPTIONAL = ("rate", "concurrency")
#: Says what of a payload that the schema has accepted is not to be had, by pointers below the payload.
Judge = Callable[[Mapping[str, Any]], list[Defect]]


@dataclass(frozen=True)
class TaskType:
    """A kind of work: its payload, its handler and the defaults of its queue."""

    name: str
    #: Validates the payload at submission.
    payload: type[Schema]
    #: ``"package.module:function"``, imported in worker children only, so that declaring a type costs no heavy import.
    handler: str
    #: Starts per second over all workers together; ``None`` means no limit.
    rate: float | None = None
    #: How many starts an idle queue may make at once before the rate binds.
    burst: int = 1
    #: How many tasks of this type may run at the same time over all workers; ``None`` means no limit.
    concurrency: int | None = None
    #: Seconds a run may take before it is killed.
    timeout: int = 3600
    #: The handler bounds its runs by what there is to do: nobody having chosen a timeout, ``timeout`` ends none.
    bounds_itself: bool = False
    max_retries: int = 3
    priority: int = 0
    #: Seconds that a run is thought to take until runs have been measured.
    typical_seconds: float = 10.0
    #: Shape of the handler's answer, for the API document.
    result: type[Schema] | None = None
    #: Of the handler. What is submitted by code of this version is run only by workers that have at least
    #: ``min_version``, which is the same if not given: raise it when older handlers would do the new tasks wrong.
    version: int = 1
    min_version: int | None = None
    #: ``"package.module:function"`` that makes a present payload of one which an earlier release accepted and the
    #: schema refuses now. Without it, no such task is run (`broker.tasks.waiting_payloads`).
    upgrade: str = ""
    #: Set it to False for a schema that does not: what waits cannot be compared with it, and is not.
    loads_what_it_dumps: bool = True
    #: Makes a ``Judge`` of the environment, for what depends on its settings. Submissions are judged, not what waits:
    #: what a setting has taken away since is for the handler to say.
    judged: Callable[[Mapping[str, str]], Judge] | None = None
    judge: Judge | None = field(default=None, compare=False)
    #: Modules without which the handler cannot work; a worker that lacks one leaves this type to others.
    requires: tuple[str, ...] = ()
    #: ``"package.module:function"`` that a worker calls with its environment before it takes tasks. It raises
    #: ``ValueError`` for settings under which every task would fail, whoever sent it. A text that it answers tells what
    #: these settings make, and stands in the records of workers as ``makes``.
    preflight: str = ""
    makes: str = ""
    #: ``"package.module:function"`` that a worker calls with its environment: names of what is a part of the type and
    #: cannot be done on this machine, as some plugins. They stand in the records of workers as ``lacks``.
    machine: str = ""
    lacks: tuple[str, ...] = ()
    #: ``"package.module:object"``, a `broker.context.Batch`: tasks of it that wait are taken several at a time, at most
    #: ``batch_size``, and worked on together. ``handler`` runs those that are alone.
    batch: str = ""
    batch_size: int = 16
    #: Run only by workers that are told to by its name, not by those that run whatever there is.
    dedicated: bool = False

    def __post_init__(self) -> None:
        self._check_names()
        for setting, (low, high) in _BOUNDS.items():
            value = getattr(self, setting)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{self.name}: {setting} must lie between {low:g} and {high:g}")
            if value is not None and setting != "rate":
                if value != int(value):
                    raise ValueError(f"{self.name}: {setting} must be a whole number")
                object.__setattr__(self, setting, int(value))  # of 90.0, too
        if self.min_version is None:
            object.__setattr__(self, "min_version", self.version)
        elif self.min_version > self.version:
            raise ValueError(f"{self.name}: min_version must not lie above version, or nobody may run its tasks")
        if self.rate is not None and abs(self.rate * 1000 - round(self.rate * 1000)) > 1e-6:
            raise ValueError(f"{self.name}: rate must have at most three decimals")

    def _check_names(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"task type name {self.name!r} must match {_NAME.pattern}")
        if ":" not in self.handler:
            raise ValueError(f"{self.name}: handler {self.handler!r} must read 'package.module:function'")
        for hook in ("preflight", "upgrade", "batch"):
            if (named := getattr(self, hook)) and ":" not in named:
                raise ValueError(f"{self.name}: {hook} {named!r} must read 'package.module:function'")

    @property
    def known(self) -> str:
        """Its name and, above 1, the version that a worker with this type knows: ``Type@2``."""
        return f"{self.name}@{self.version}" if self.version > 1 else self.name

    @property
    def wanted(self) -> str:
        """The same with the version that a worker must know to run what is submitted with this type."""
        return f"{self.name}@{self.min_version}" if self.min_version and self.min_version > 1 else self.name

    @property
    def env_prefix(self) -> str:
        """``VideoTranscoding`` -> ``VIDEO_TRANSCODING``, the beginning of its environment variables."""
        return _WORD_START.sub("_", self.name).upper()

    def with_environment(self, environ: Mapping[str, str]) -> "TaskType":
        """This type with the defaults that ``<TYPE>_RATE``, ``_BURST``, ... override. Raises ``BadSettings``."""
        values = read(environ, Schema.from_dict(dict(self.variables()))())
        chosen = bool(environ.get(self._variable("timeout"), "").strip())
        overridden = {name: values[self._variable(name)] for name in _OVERRIDABLE}
        judge = self.judged(environ) if self.judged else None
        return replace(self, bounds_itself=self.bounds_itself and not chosen, judge=judge, **overridden)

    def variables(self) -> dict[str, Number]:
        """Its environment variables by name, with the declared values as defaults."""
        return {
            self._variable(name): converter(what, getattr(self, name), *_BOUNDS[name], or_none=name in _OPTIONAL)
            for name, (converter, what) in _OVERRIDABLE.items()
        }

    def _variable(self, name: str) -> str:
        return f"{self.env_prefix}_{name.upper()}"

    def run_timeout(self, timeout: int) -> int:
        """Seconds that end a run of a task with this timeout."""
        return MAX_TIMEOUT if self.bounds_itself and timeout == self.timeout else timeout

    def check_payload(self, payload: Any) -> dict[str, Any]:
        """The payload as its schema dumps it. Raises ``InvalidInput``, which names each bad field."""
        dumped: dict[str, Any] = self._schema.dump(self._load(payload))
        if self.judge and (defects := self.judge(dumped)):
            raise InvalidInput(errors=[each | {"pointer": f"/payload{each['pointer']}"} for each in defects])
        return dumped

    def check_stored(self, payload: Any) -> None:
        """Raises ``InvalidInput`` where the schema would not accept what it, or its former self, has dumped."""
        added = self._schema.dump_fields.keys() - self._schema.load_fields.keys()
        if added and isinstance(payload, dict):
            payload = {name: value for name, value in payload.items() if name not in added}
        self._load(payload)

    def _load(self, payload: Any) -> Any:
        try:
            return self._schema.load(payload)
        except ValidationError as error:
            raise InvalidInput(errors=pointers(error.normalized_messages(), "/payload")) from error

    @cached_property
    def _schema(self) -> Schema:
        """One for all checks: making it takes longer than using it."""
        return self.payload()


#: Task types by name.
TaskTypes = Mapping[str, TaskType]
