"""Guards that two tasks which transcode one video at the same time cost each other nothing that is made."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.environment.video_profiles import BUILT_IN, DEFAULT, Profile
from broker.errors import PermanentError
from broker.media import paths
from handlers.transcoding import ranges
from handlers.transcoding.task import VIDEO_TRANSCODING
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import TENANT
from tests.handlers.transcoding.killing import Killed
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.studio import Run, Studio, dying
from tests.handlers.transcoding.validator import validate

#: Of four segments, in ranges that begin with the first and the third.
LONG = ("two.mp4", *picture("64x64", "10", 22), *sound(22), *X264, *AAC)
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, DEFAULT, Profile(ladder=(32, 64)))
    monkeypatch.setattr(ranges, "_SEGMENTS", 2)


@pytest.fixture
def studio(settings: BrokerSettings) -> Studio:
    kind = replace(VIDEO_TRANSCODING, rate=None)
    return Studio(Broker.connect(settings, {kind.name: kind}))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as made:
        yield made


@pytest.fixture
def video(studio: Studio, make: Make) -> str:
    return studio.upload(make(*LONG))[0]


def killed(studio: Studio, run: Run) -> None:
    """Its worker dies when it has made half of it, or more."""
    run.before_put = dying("64p/seg_00003.m4s")
    with pytest.raises(Killed):
        studio.work(run)


def check(studio: Studio, video: str, folder: Path, versions: set[str]) -> None:
    """Each version plays, and nothing is left of what was known on the way."""
    found = dict.fromkeys(versions, False)
    for name, data in studio.stored(video).items():
        version, inner = ("", name) if name.split("/")[0] not in versions else name.split("/", 1)
        path = folder / f"version-{version}" / inner
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        found[version] = True
    assert found == dict.fromkeys(versions, True)
    for version in versions:
        validate(folder / f"version-{version}")
    assert list(studio.broker.storage.keys(paths.work(TENANT, video))) == []


def test_the_uploads_own_task_goes_on_where_it_was_when_another_has_made_the_video_meanwhile(
    studio: Studio, video: str, tmp_path: Path
) -> None:
    """In the first version, which is the one that is opened when that is done."""
    own = studio.begin()
    killed(studio, own)
    version = studio.reprocess(video)
    studio.work(studio.begin())
    assert studio.broker.media.get(TENANT, video).stream == f"{version}/"
    before = studio.stored(video)
    studio.die(own)
    again = studio.begin()
    studio.work(again)
    assert (again.task_id, [each for each in again.begun() if each < 2]) == (own.task_id, [])
    record = studio.broker.media.get(TENANT, video)
    assert (record.stream, f"replaced:{version}" in record.info, "replaced:" in record.info) == ("", True, False)
    after = studio.stored(video)
    assert {name: after[name] for name in before if name.startswith(version)} == {
        name: data for name, data in before.items() if name.startswith(version)
    }
    check(studio, video, tmp_path, {"", version})


def test_another_task_goes_on_where_it_was_when_the_uploads_own_has_made_the_video_meanwhile(
    studio: Studio, video: str, tmp_path: Path
) -> None:
    own = studio.begin()
    version = studio.reprocess(video)
    other = studio.begin()
    assert other.task_id == version
    killed(studio, other)
    studio.work(own)
    assert own.begun()[0] == 0, "it has its own"
    studio.die(other)
    again = studio.begin()
    studio.work(again)
    assert (again.task_id, [each for each in again.begun() if each < 2]) == (version, [])
    record = studio.broker.media.get(TENANT, video)
    assert (record.stream, "replaced:" in record.info) == (f"{version}/", True)
    check(studio, video, tmp_path, {"", version})


def test_one_that_cannot_be_made_takes_nothing_of_another(
    studio: Studio, video: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = studio.begin()
    killed(studio, own)
    with monkeypatch.context() as patched:
        patched.setitem(BUILT_IN, "gone", Profile())
        studio.reprocess(video, profile="gone")
    with pytest.raises(PermanentError, match="gone"):
        studio.work(studio.begin())
    studio.die(own)
    again = studio.begin()
    studio.work(again)
    assert [each for each in again.begun() if each < 2] == []
    check(studio, video, tmp_path, {""})


def test_both_at_once(studio: Studio, video: str, tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    """Each in turn waits for the other to have stored something."""
    own = studio.begin()
    version = studio.reprocess(video)
    other = studio.begin()
    reached = {own.task_id: Event(), version: Event()}

    def meeting(run: Run, its: str, others: str) -> None:
        def before_put(key: str) -> None:
            if key.endswith("64p/seg_00002.m4s"):
                reached[its].set()
                assert reached[others].wait(PATIENCE)

        run.before_put = before_put

    meeting(own, own.task_id, version)
    meeting(other, version, own.task_id)
    for done in [pool.submit(studio.work, each) for each in (own, other)]:
        assert done.result(PATIENCE)
    check(studio, video, tmp_path, {"", version})
