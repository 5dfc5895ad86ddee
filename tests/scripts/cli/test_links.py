"""Groups, tags, dependencies and flows from the terminal, and what follows an upload; deleting."""

import json
import mimetypes
from pathlib import Path
from uuid import uuid4

import pytest

from broker.broker import Broker
from broker.errors import NotFound
from broker.tasks.task_filters import Wanted
from scripts.cli.commands.upload import find_kind
from tests.broker.media.test_sniff import CONTAINERS
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.media import MP4, PNG
from tests.gateway.work import complete
from tests.scripts.cli.conftest import Mindia
from tests.scripts.cli.test_tasks import submit


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(MP4)
    return path


def test_what_a_task_belongs_to_and_depends_on(mindia: Mindia, broker: Broker) -> None:
    first, second = submit(broker), submit(broker)
    said = mindia(
        *("submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "-q", "--group", "user-7", "--tag", "a", "--tag", "b"),
        *("--depends-on", first, "--depends-on", second, "--on-failure", "run", "--flow", "order-7"),
    )
    task = broker.tasks.get("ops", said.out.strip())
    assert (task.group, task.tags, task.flow, task.on_failure) == ("user-7", ["a", "b"], "order-7", "run")
    assert set(task.depends_on) == {first, second}
    shown = mindia("show", task.id).out
    for line in ("flow        order-7", "group       user-7", "tags        a, b", "on failure  run"):
        assert line in shown
    assert mindia("list", "-q", "--flow", "order-7").out.split() == [task.id]
    assert mindia("list", "--flow", "order-7", "--type", "VideoTranscoding").status == 2


def test_a_dependency_that_is_not_there(mindia: Mindia) -> None:
    said = mindia("submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "--depends-on", uuid4())
    assert said.status == 2
    assert "#/depends_on/0" in said.err


def test_how_a_flow_stands(mindia: Mindia, broker: Broker) -> None:
    submit(broker, flow="order-8")
    done = complete(broker)
    submit(broker, flow="order-8")
    said = mindia("flow", "order-8")
    assert said.out.splitlines()[0] == "order-8  open"
    assert said.out.splitlines()[1].split(maxsplit=1) == ["tasks", "2: 1 pending, 1 completed"]
    assert done in mindia("list", "--flow", "order-8").out
    assert json.loads(mindia("flow", "order-8", "--json").out)["by_status"]["completed"] == 1
    assert mindia("flow", "nothing").status == 3


def test_a_name_tells_what_it_is_on_a_system_that_knows_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda name: (None, None))
    told = {name: find_kind(name.upper(), None) for name, *_ in CONTAINERS}
    assert told == {name: found.kind for name, _, found in CONTAINERS}
    assert find_kind("https://example.com/a.docx?b=.mp4", None) == "document"


def test_what_follows_an_upload(mindia: Mindia, broker: Broker, clip: Path) -> None:
    said = mindia(
        *("upload", clip, "--then", "checksum", "--then", "embedding", "--group", "user-7"),
        *("--expires", "30d", "--drop-source", "--deadline", "2099-01-01T00:00Z", "--profile", "small", "--json"),
    )
    media = json.loads(said.out)
    assert (media["keep_source"], media["size"], media["expires_at"] is None) == (False, len(MP4), False)
    tasks = broker.tasks.page("ops", Wanted(flow=media["flow"])).tasks
    assert sorted(task.type for task in tasks) == ["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]
    assert {task.group for task in tasks} == {"user-7"}
    assert {task.type: task.deadline for task in tasks if task.deadline} == {
        "VideoTranscoding": "2099-01-01T00:00:00.000000Z"
    }
    assert [task.payload.get("profile") for task in tasks if task.type == "VideoTranscoding"] == ["small"]
    again = mindia("upload", clip, "--then", "checksum").err
    assert "What follows: mindia list --flow " in again
    assert mindia("upload", clip, "--then", "nothing").status == 2


def test_tasks_that_have_ended_are_deleted(mindia: Mindia, broker: Broker) -> None:
    submit(broker)
    done, waiting = complete(broker), submit(broker)
    said = mindia("delete", done, waiting, uuid4())
    assert (said.status, said.out) == (5, f"{done}  deleted\n")
    with pytest.raises(NotFound):
        broker.tasks.get("ops", done)
    assert broker.tasks.get("ops", waiting).status == "pending"


def test_media_are_deleted_with_their_tasks(mindia: Mindia, broker: Broker, clip: Path, tmp_path: Path) -> None:
    video = json.loads(mindia("upload", clip, "--json").out)
    assert mindia("delete", video["id"]).status == 3  # it is no task
    assert mindia("delete", video["id"], "--as", "video", "-q").out == f"{video['id']}\n"
    assert broker.tasks.get("ops", video["task_id"]).status == "cancelled"
    (tmp_path / "still.png").write_bytes(PNG)
    image = json.loads(mindia("upload", tmp_path / "still.png", "--json").out)
    assert mindia("delete", image["id"], "--as", "image").status == 0
    assert mindia("delete", uuid4(), "--as", "image").status == 3
