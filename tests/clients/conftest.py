"""The clients speak to a real gateway; what they submit is run when a test says so, by handlers of its own."""

import pytest

from broker.task_type import TaskType
from broker.tasks.installed_types import load_types
from scripts.testing.kit import Kit
from scripts.testing.plugin import _mindia_session, mindia_limits, mindia_tasks

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


def _fail(_: object) -> dict[str, str]:
    from broker.errors import PermanentError  # noqa: PLC0415

    raise PermanentError("The plugin is sick.")
