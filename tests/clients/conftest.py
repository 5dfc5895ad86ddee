"""The clients speak to a real gateway; what they submit is run when a test says so, by handlers of its own."""

from collections.abc import Iterator

import pytest

from broker.search.found import Found, Hit
from broker.search.request import SearchRequest
from broker.task_type import TaskType
from broker.tasks.installed_types import load_types
from scripts.testing.kit import Kit
from scripts.testing.plugin import _mindia_session, mindia_limits, mindia_tasks
from tests.breaking import Breaking, breaking
from tests.search_fixtures import searching

__all__ = ["_mindia_session", "mindia_limits", "mindia_tasks"]
VIDEO_ID = "550e8400-e29b-41d4-a716-446655440000"
RESULT = {
    "video_id": VIDEO_ID, "width": 1, "height": 1, "duration_seconds": 1.0, "frame_rate": 25.0, "variants": [],
    "hls_master": "m", "poster": "p", "warnings": [],
}  # fmt: skip


@pytest.fixture
def mindia_task_types() -> dict[str, TaskType]:
    return load_types({})


@pytest.fixture
def system(mindia_tasks: Kit) -> Kit:
    """Videos are transcoded at once, plugins fail."""
    mindia_tasks.stub("VideoTranscoding", RESULT)
    mindia_tasks.stub("PluginExecution", _fail)
    return mindia_tasks


@pytest.fixture
def broken(system: Kit) -> Iterator[Breaking]:
    """A proxy to the gateway, over which connections break."""
    with breaking(int(system.url.rpartition(":")[2])) as proxy:
        yield proxy


@pytest.fixture
def searcher(system: Kit) -> Iterator[list[SearchRequest]]:
    """What a search process is asked, which finds five files, in pages."""
    asked: list[SearchRequest] = []

    def answer(request: SearchRequest) -> Found:
        asked.append(request)
        start = int(request.after[0]) if request.after else 0
        end = min(5, start + request.limit)
        hits = [Hit("video", VIDEO_ID, str(number), 0.5) for number in range(start, end)]
        return Found(hits, 5, [float(end), 0.5, "video", VIDEO_ID] if end < 5 else None)

    with searching(system.broker.search_server, answer):
        yield asked


def _fail(_: object) -> dict[str, str]:
    from broker.errors import PermanentError  # noqa: PLC0415

    raise PermanentError("The plugin is sick.")
