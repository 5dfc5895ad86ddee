"""Runs the jobs of an adopted queue, as RQ's worker would: in a worker of ours that runs nothing else.

This is the one place where pickles of others are loaded, and only in a process that was told to
(``python -m scripts.worker RqJobEmails``). The function has to be in ``ADOPT_RQ_FUNCTIONS``, and so has every class and
function that a pickle names, callbacks included; nothing is imported before.
"""

import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from redis import RedisError

from broker.adoption.names import Loader, NotAllowed, allowed
from broker.adoption.source import Source
from broker.config import BrokerSettings
from broker.context import TaskContext
from broker.engine.keys import Keys
from broker.environment.reading import BadSettings
from broker.errors import PermanentError, Postpone, TransientError

#: What RQ says of jobs that have ended.
_ENDED = {b"finished", b"failed", b"stopped", b"canceled"}
_CALLBACKS = (b"success_callback_name", b"failure_callback_name", b"stopped_callback_name")
#: Bytes of a result that is shown as it is; RQ has all of it.
_SHOWN = 64 * 1024
#: Under which a run remembers how many have failed.
_FAILURES = "failures"
#: Seconds until the next look at a Redis that did not answer.
_AGAIN = 2.0


def preflight(environ: Mapping[str, str]) -> None:
    """Raises ``ValueError`` where no job could be run."""
    names = _names(environ)
    if not names:
        raise ValueError("ADOPT_RQ_FUNCTIONS is not set: name the functions that jobs may call, as in app.mail.send")
    for name in names:
        module = name.removesuffix(".*") if name.endswith(".*") else name.rpartition(".")[0]
        try:
            _import(module)
        except ImportError as error:
            raise ValueError(f"ADOPT_RQ_FUNCTIONS: {name}: {error}; is its package in PYTHONPATH?") from error


def run(context: TaskContext) -> dict[str, Any]:
    """What the job returned. Raises what a task that fails raises; where RQ's Redis is away, the run is tried again."""
    try:
        return _run(context)
    except RedisError as error:
        raise Postpone(_AGAIN) from error


def _run(context: TaskContext) -> dict[str, Any]:
    payload, names = context.payload, _names(os.environ)
    queue, job_id, adoption = payload["queue"], payload["job_id"], payload["adoption"]
    source = _source()
    if not source.begin(queue, job_id, adoption):
        return {"given_back": True}
    fields = source.redis.hgetall(f"{source.rq}:job:{job_id}")
    if not fields or fields.get(b"status") in _ENDED:  # RQ has heard of it already, by a run that died afterwards
        source.end(queue, job_id, adoption)
        status = fields.get(b"status", b"gone").decode()
        if status == "failed":
            raise PermanentError("an earlier run failed, and was lost before it could say more: RQ has what it said")
        return {"status": status}
    final = int(context.recall(_FAILURES) or 0) >= payload["retries"]
    work = _Work(source, names, queue, job_id, fields)
    try:
        answer = work.perform(final=final)
    except NotAllowed as error:
        source.end(queue, job_id, adoption, "failed")
        raise PermanentError(str(error)) from error
    except Exception as error:
        if final:
            told = source.redis.hget(f"{source.rq}:job:{job_id}", "status") in _ENDED
            source.end(queue, job_id, adoption, "" if told else "failed")
            raise PermanentError(f"{type(error).__name__}: {error}") from error
        context.remember(_FAILURES, int(context.recall(_FAILURES) or 0) + 1)
        raise TransientError(f"{type(error).__name__}: {error}") from error
    source.end(queue, job_id, adoption)
    return {"returned": _plain(answer)}


class _Work:
    """One job in RQ's hands."""

    def __init__(
        self, source: Source, names: frozenset[str], queue: str, job_id: str, fields: Mapping[bytes, bytes]
    ) -> None:
        self._source, self._names = source, names
        self._queue, self._id, self._fields = queue, job_id, fields

    def perform(self, *, final: bool) -> Any:
        """The job's answer, after RQ was told; of a failure RQ hears when it is ``final``."""
        rq = _rq(self._source.rq)
        for name in filter(None, (self._fields.get(each, b"").decode() for each in _CALLBACKS)):
            self._check(name)
        loader = Loader(self._names)
        job = rq.job.Job.fetch(self._id, connection=self._source.redis, serializer=loader)
        self._check(_called(job, loader))
        worker = rq.SimpleWorker(
            [self._queue], connection=self._source.redis, serializer=loader, prepare_for_work=False
        )
        worker.death_penalty_class = _no_limit(rq)  # the task's own ends it
        worker.job_monitoring_interval = 7 * 24 * 3600  # so long RQ does not take it for abandoned
        self._source.forget_runs(self._queue, self._id)
        execution = worker.prepare_execution(job)
        queue = worker.queues[0]
        worker.prepare_job_execution(job)
        job.retries_left = 0  # ours are the retries
        try:
            job.started_at = rq.utils.now()
            answer = job.perform()
            worker._finalize_success(job, queue, execution, answer)
        except Exception:
            if final:
                worker._finalize_failure(job, queue, execution, sys.exc_info())
            raise
        finally:
            self._source.redis.delete(worker.key, f"{worker.key}:executions")
        return answer

    def _check(self, name: str) -> None:
        if not allowed(name, self._names):
            raise NotAllowed(f"{name} is not in ADOPT_RQ_FUNCTIONS")


def _called(job: Any, loader: Loader) -> str:
    """The full name of what a job calls. Raises ``NotAllowed`` when its data names what is not in the list."""
    name, instance, _, _ = loader.loads(job.data)
    if instance is None:
        return str(name)
    kind = instance if isinstance(instance, type) else type(instance)
    return f"{kind.__module__}.{kind.__qualname__}.{name}"


def _plain(value: Any) -> Any:
    """As JSON has it, or a word about it."""
    if isinstance(value, bool | int | float | str) or value is None:
        return value if not isinstance(value, str) or len(value) <= _SHOWN else f"{len(value)} characters; RQ has them"
    return repr(value)[:1000]


def _names(environ: Mapping[str, str]) -> frozenset[str]:
    text = environ.get("ADOPT_RQ_FUNCTIONS", "")
    return frozenset(name for each in text.split(",") if (name := each.strip()))


def _import(module: str) -> None:
    """The module, or the one around a class of this name."""
    try:
        import_module(module)
    except ModuleNotFoundError:
        around, _, name = module.rpartition(".")
        if not around or not hasattr(import_module(around), name):
            raise


@cache
def _source() -> Source:
    try:
        settings = BrokerSettings.from_env(os.environ)
    except BadSettings as error:
        raise PermanentError(str(error)) from error
    return Source(settings.adopt_rq_url or settings.redis_url, settings.adopt_rq_prefix, Keys(settings.key_prefix))


@cache
def _rq(prefix: str) -> Any:
    """RQ, which reads its prefix when it is imported: that of the system whose jobs these are, not of our own."""
    before = os.environ.get("RQ_KEY_PREFIX")
    os.environ["RQ_KEY_PREFIX"] = prefix
    try:
        return import_module("rq")
    finally:
        os.environ.pop("RQ_KEY_PREFIX")
        if before is not None:
            os.environ["RQ_KEY_PREFIX"] = before


@cache
def _no_limit(rq: Any) -> type:
    base: type = import_module("rq.timeouts").BaseDeathPenalty
    nothing = {name: lambda _: None for name in ("setup_death_penalty", "cancel_death_penalty")}
    return type("NoLimit", (base,), nothing)
