"""The search process: answers semantic queries, takes no tasks. Any number may run; one is enough for most."""

import importlib
import logging
import os
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.doctor.server import never
from broker.errors import TaskBrokerError
from broker.log import set_up_logging
from broker.startup import Startup, refuse, settle

log = logging.getLogger("search")
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(environ: Mapping[str, str]) -> int:
    """Answers until SIGTERM, SIGINT or SIGHUP.

    Exit status 2 when the settings name something that is not there, 1 when what is not there may yet come.
    """
    set_up_logging(environ)
    try:
        broker = open_broker(environ)
        with broker.search_server.starting():
            searcher = open_searcher(broker, environ)
    except TaskBrokerError as error:
        if not error.retryable:
            return refuse("search", ValueError(str(error)), environ)
        log.error("search cannot start now: %s", error)
        return 1
    except ValueError as error:
        return refuse("search", error, environ)
    stop = threading.Event()

    def stop_once(*_: object) -> None:
        for number in _STOP:  # a second signal must not find the event's lock in the hands of the first
            signal.signal(number, signal.SIG_IGN)
        stop.set()

    for number in _STOP:  # until now they ended the process at once
        signal.signal(number, stop_once)
    if searcher is None:
        stop.wait()
        return 0
    settle()
    broker.search_server.serve(searcher.find, stop, searcher.work, searcher.left)
    log.info("stopped")
    return 0


def open_broker(environ: Mapping[str, str]) -> Broker:
    """Raises ``ValueError`` for a server that is the wrong one."""
    broker = Broker(Startup.from_env(environ).settings, {})
    if wrong := never(broker):
        raise ValueError(wrong)
    broker.queues.declare()
    return broker


def open_searcher(broker: Broker, environ: Mapping[str, str]) -> Any:
    """A searcher of ``handlers.embedding``, or ``None`` where the libraries it needs are not installed.

    The process then waits instead of ending, so that no process manager starts it again and again.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported: threads would wait for each other
    try:
        opening = importlib.import_module("handlers.embedding.search.opening")
        most_bytes = broker.settings.search_memory_mib * 2**20
        facts_of, names = partial(facts_by_id, broker, opening.Facts), broker.media.filenames
        return opening.open_searcher(
            environ,
            broker.vectors,
            facts_of,
            broker.storage.local_file,
            most_bytes,
            names,
            broker.media.digests,
            broker.generations,
            broker.settings.search_hnsw_from,
            broker.settings.search_index_dir or broker.settings.data_dir / "search",
        )
    except ModuleNotFoundError as error:
        log.warning("nothing can be searched: %s is not installed (pip install 'mindia-tasks[light]')", error.name)
        return None


def facts_by_id(broker: Broker, facts: Any, tenant: str, media_ids: Sequence[str]) -> dict[str, Any]:
    """What is known of those of a tenant's media files that are there, as ``facts`` has it."""
    records = broker.media.get_many(tenant, media_ids)
    return {
        each.id: facts(
            from_rfc3339(each.created_at),
            each.size,
            each.filename,
            frozenset(each.info.get("tags") or ()),
            each.info.get("duration_seconds"),
        )
        for each in records.values()
    }


if __name__ == "__main__":
    ArgumentParser(prog="python -m scripts.search", description=__doc__).parse_args()  # settings are variables
    sys.exit(main(os.environ))
