"""Guards that workers make one video together: the same bytes, whoever makes which part and whoever dies."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Event, current_thread
from threading import enumerate as enumerate_threads
from types import SimpleNamespace
from typing import Any

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.environment.video_profiles import BUILT_IN, DEFAULT, Profile
from broker.errors import Postpone
from broker.media import paths
from broker.media.local import LocalStorage
from broker.status import Status
from handlers.transcoding import ffmpeg, ranges, sharing
from handlers.transcoding.boxes import Segment
from handlers.transcoding.manifest import LaterManifest, Manifest, Written
from handlers.transcoding.sharing import Sharing
from handlers.transcoding.task import VIDEO_TRANSCODING
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import TENANT, VIDEO_ID
from tests.handlers.transcoding.killing import Killed
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.studio import Run, Studio, dying

#: Of seven segments: parts of it that may be anybody's begin with the second, the fourth and the sixth.
LONG = ("long.mp4", *picture("64x64", "10", 39), *sound(39), *X264, *AAC)
SHORT = ("short.mp4", *picture("64x64", "10", 3), *X264)
#: A key frame every six seconds, as the segments of what is encoded have one.
PACKAGED = ("packaged.mp4", *picture("180x180", "10", 39), *sound(39), *X264, "-g", "60", *AAC)
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, DEFAULT, Profile(ladder=(32, 64)))
    monkeypatch.setattr(ranges, "SHARED", 7)
    monkeypatch.setattr(sharing, "SHARED", 7)
    monkeypatch.setattr(ranges, "_SEGMENTS", 2)
    monkeypatch.setattr(sharing, "_PAUSE", 0.01)
    monkeypatch.setenv("VIDEO_PARALLEL", "2")


@pytest.fixture
def studio(settings: BrokerSettings) -> Studio:
    kind = replace(VIDEO_TRANSCODING, rate=None)
    return Studio(Broker.connect(settings, {kind.name: kind}))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def video(studio: Studio, make: Make) -> str:
    return studio.upload(make(*LONG), group="ada")[0]


@pytest.fixture(scope="module")
def alone() -> dict[str, bytes]:
    """Filled by the first test that asks for it: what one worker makes."""
    return {}


@pytest.fixture
def whole(alone: dict[str, bytes], studio: Studio, make: Make, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    if not alone:
        with monkeypatch.context() as patched:
            patched.setenv("VIDEO_PARALLEL", "1")
            video_id, _ = studio.upload(make(*LONG))
            studio.work(studio.begin())
            assert len(studio.tasks(video_id)) == 1
        alone |= studio.stored(video_id)
    return alone


def until(event: Event) -> None:
    assert event.wait(PATIENCE)


def until_sound_is_made() -> None:
    """That of all runs. It is made beside the pictures, and no playlist names any of these before there is some."""
    for thread in enumerate_threads():
        if thread.name == "sound" and thread is not current_thread():
            thread.join(PATIENCE)


def held(run: Run, name: str) -> tuple[Event, Event]:
    """A run waits before it stores an object of such a name: (it does, it may go on)."""
    there, go = Event(), Event()

    def before_put(key: str) -> None:
        if key.endswith(name):
            there.set()
            until(go)

    run.before_put = before_put
    return there, go


def stopped(studio: Studio, threads: ThreadPoolExecutor, name: str) -> tuple[Run, Event, Future[Any]]:
    """A run that has begun and waits before it stores an object of such a name: (the run, it may go on, its result)."""
    run = studio.begin()
    there, go = held(run, name)
    working = threads.submit(studio.work, run)
    until(there)
    return run, go, working


def check(studio: Studio, video: str, whole: dict[str, bytes]) -> None:
    """It is what one worker makes, to the last byte, and nothing else is left."""
    made = studio.stored(video)
    assert made.keys() == whole.keys()
    assert [name for name in made if made[name] != whole[name]] == []
    assert list(studio.broker.storage.keys(paths.work(TENANT, video))) == []
    assert studio.broker.redis.keys(studio.broker.keys.parts("*")) == []


def test_two_workers_make_what_one_makes(
    studio: Studio, whole: dict[str, bytes], video: str, threads: ThreadPoolExecutor
) -> None:
    """Each some of it. The playlist names nothing that is not there, and nothing of the video comes from the helper."""
    lead, go, leading = stopped(studio, threads, "64p/seg_00000.m4s")
    helper, goes_on, helping = stopped(studio, threads, "64p/seg_00002.m4s")
    playlists: list[bytes] = []

    def when_the_last_is_made(key: str) -> None:
        if key.endswith("/00005-32p-64p.json") and not goes_on.is_set():
            playlists.append(studio.stored(video)["64p/index.m3u8"])
            goes_on.set()

    lead.before_put = when_the_last_is_made
    until_sound_is_made()
    go.set()
    assert helping.result(PATIENCE) is None
    assert leading.result(PATIENCE)["video_id"] == video
    assert (helper.begun(), lead.begun()) == ([1], [0, 0, 3, 5])
    assert [re.findall(rb"seg_\d+", each) for each in playlists] == [[b"seg_00000"]]
    check(studio, video, whole)
    task, assistant = studio.tasks(video)
    assert (assistant.part_of, assistant.group, assistant.status, assistant.result) == (
        *(task.id, "ada", Status.COMPLETED, None),
    )
    assert helper.attached == {}


def test_a_helper_that_dies_costs_its_part(
    studio: Studio, whole: dict[str, bytes], video: str, threads: ThreadPoolExecutor
) -> None:
    """What it has stored of that does not count, and is made again with the same bytes."""
    lead, go, leading = stopped(studio, threads, "32p/seg_00000.m4s")
    helper = studio.begin()
    helper.before_put = dying("64p/seg_00002.m4s")
    with pytest.raises(Killed):
        studio.work(helper)
    assert "64p/seg_00001.m4s" in studio.stored(video)
    studio.die(helper)
    go.set()
    leading.result(PATIENCE)
    assert lead.begun() == [0, 0, 1, 3, 5]
    check(studio, video, whole)


def test_helpers_go_on_while_their_task_is_dead_and_its_next_run_takes_up_what_they_made(
    studio: Studio, whole: dict[str, bytes], video: str
) -> None:
    lead = studio.begin()
    lead.before_put = dying("32p/seg_00000.m4s")
    with pytest.raises(Killed):
        studio.work(lead)
    helper = studio.begin()
    studio.work(helper)
    assert helper.begun() == [1, 3, 5]
    studio.die(lead)
    again = studio.begin()
    studio.work(again)
    assert (again.task_id, again.begun()) == (lead.task_id, [0, 0])
    check(studio, video, whole)


def test_what_helpers_made_outlasts_another_transcoding_of_the_video(
    studio: Studio, whole: dict[str, bytes], video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = studio.begin()
    lead.before_put = dying("32p/seg_00000.m4s")
    with pytest.raises(Killed):
        studio.work(lead)
    helper = studio.begin()
    studio.work(helper)
    with monkeypatch.context() as patched:
        patched.setenv("VIDEO_PARALLEL", "1")
        version = studio.reprocess(video)
        studio.work(studio.begin())
    studio.die(lead)
    again = studio.begin()
    studio.work(again)
    assert (again.task_id, again.begun()) == (lead.task_id, [0, 0])
    for key in [*studio.broker.storage.keys(paths.hls(TENANT, video, f"{version}/"))]:
        studio.broker.storage.delete(key)
    check(studio, video, whole)


def test_sound_that_was_made_is_not_made_again(studio: Studio, whole: dict[str, bytes], video: str) -> None:
    """It is written down when it is there, and not only when the pictures are."""
    lead, kept = studio.begin(), Event()

    def die_when_it_is_kept(key: str) -> None:
        until_sound_is_made()
        if key.endswith("/sound.json"):
            kept.set()
        elif kept.is_set() and "64p/seg" in key:
            raise Killed()

    lead.before_put = die_when_it_is_kept
    with pytest.raises(Killed):
        studio.work(lead)
    assert any("aac" in argv for argv in lead.commands)
    studio.die(lead)
    again = studio.begin()
    studio.work(again)
    assert not any("aac" in argv for argv in again.commands)
    check(studio, video, whole)


def test_a_helper_that_finds_nothing_left_does_not_even_get_the_source(
    studio: Studio, whole: dict[str, bytes], video: str
) -> None:
    lead = studio.begin()
    helpers: list[Run] = []

    def begin_at_the_end(key: str) -> None:
        if key.endswith("master.m3u8") and not helpers and "64p/seg_00006.m4s" in studio.stored(video):
            helpers.append(studio.begin())

    lead.before_put = begin_at_the_end
    studio.work(lead)
    studio.broker.storage.delete(paths.source(TENANT, video))
    (helper,) = helpers
    assert studio.work(helper) is None
    assert helper.commands == []
    check(studio, video, whole)


def test_what_waits_for_a_worker_is_not_waited_for_and_is_withdrawn(
    studio: Studio, whole: dict[str, bytes], video: str
) -> None:
    lead = studio.begin()
    studio.work(lead)
    assert lead.begun() == [0, 0, 1, 3, 5]
    check(studio, video, whole)
    assert [each.status for each in studio.tasks(video)] == [Status.COMPLETED, Status.CANCELLED]


def test_a_short_video_is_not_shared(studio: Studio, make: Make) -> None:
    video_id, _ = studio.upload(make("short.mp4", *picture("64x64", "10", 36), *X264))
    studio.work(studio.begin())
    assert len(studio.tasks(video_id)) == 1


def passed_through(studio: Studio, upload: Path, ladder: list[int]) -> str:
    """The id of a video whose largest rendition is to be its own pictures."""
    return studio.upload(upload, passthrough=True, ladder=ladder)[0]


def test_of_a_video_that_is_packaged_only_what_is_encoded_is_shared(
    studio: Studio, make: Make, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lead packages its own pictures, and the smaller renditions are the same, whoever makes them."""
    upload = make(*PACKAGED)
    with monkeypatch.context() as patched:
        patched.setenv("VIDEO_PARALLEL", "1")
        alone = passed_through(studio, upload, [144, 180])
        studio.work(studio.begin())
    whole = studio.stored(alone)
    video = passed_through(studio, upload, [144, 180])
    lead, go, leading = stopped(studio, threads, "144p/seg_00000.m4s")
    helper = studio.begin()
    assert helper.part_of == lead.task_id
    assert studio.work(helper) is None
    assert helper.begun() == [1, 3, 5]
    go.set()
    answer = leading.result(PATIENCE)
    assert {each["name"]: each["encoder"] for each in answer["variants"]} == {"144p": "libx264", "180p": "copy"}
    assert answer["warnings"] == []
    assert lead.begun() == [0]
    assert not any("copy" in argv for argv in helper.commands)
    check(studio, video, whole)


def test_a_video_that_is_packaged_and_nothing_else_is_not_shared(studio: Studio, make: Make) -> None:
    video = passed_through(studio, make(*PACKAGED), [180])
    answer = studio.work(studio.begin())
    assert answer
    assert [each["encoder"] for each in answer["variants"]] == ["copy"]
    assert len(studio.tasks(video)) == 1


def test_who_gives_way_leaves_its_parts_to_others(
    studio: Studio, whole: dict[str, bytes], video: str, make: Make
) -> None:
    """With the smallest rendition of each made, while other videos come first."""
    lead, short = studio.begin(), make(*SHORT)
    others: list[str] = []

    def upload_another(key: str) -> None:
        if key.endswith("64p/seg_00000.m4s"):
            others.append(studio.upload(short)[1])

    lead.before_put = upload_another
    with pytest.raises(Postpone):
        studio.work(lead)
    assert lead.begun() == [0, 0, 1, 3, 5]
    studio.give_way(lead)
    other = studio.begin()
    assert [other.task_id] == others
    studio.work(other)
    helper = studio.begin()
    studio.work(helper)
    assert (helper.part_of, helper.begun()) == (lead.task_id, [1, 3, 5])
    again = studio.begin()
    studio.work(again)
    assert (again.task_id, again.begun()) == (lead.task_id, [])
    check(studio, video, whole)


def test_where_the_index_is_not_exact_one_run_makes_what_is_left_when_nobody_else_makes_any(
    studio: Studio, video: str, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, go, leading = stopped(studio, threads, "64p/seg_00000.m4s")
    helper, goes_on, helping = stopped(studio, threads, "64p/seg_00002.m4s")
    encode = ffmpeg.encode

    def with_an_error(context: Any, argv: list[str], *more: Any, **options: Any) -> Any:
        decoded = encode(context, argv, *more, **options)
        if context is lead and "3" in argv and decoded:
            return decoded._replace(errors=1)
        return decoded

    monkeypatch.setattr(ffmpeg, "encode", with_an_error)
    monkeypatch.setattr(Sharing, "_wait", lambda self: goes_on.set())
    go.set()
    answer = leading.result(PATIENCE)
    helping.result(PATIENCE)
    assert (helper.begun(), lead.begun()) == ([1], [0, 0, 3, 5])
    assert answer["warnings"] == ["Parts of the video are damaged: 1 of its packets could not be decoded."]


def test_a_record_that_is_kept_back_is_known_to_nobody(tmp_path: Path) -> None:
    storage, written = LocalStorage(tmp_path), Written()
    written.begin("64p", "avc1", "sha")
    written.add("64p", 1, Segment("seg_00001.m4s", 1, Fraction(0), 1, Fraction(1)), "sha")
    context: Any = SimpleNamespace(storage=storage, tenant=TENANT, part_of="", task_id="task")
    helper, lead = (kind(context, VIDEO_ID, "digest") for kind in (LaterManifest, Manifest))
    helper.write("00001-64p-64p", written)
    lead.load_more()
    assert lead.track("64p").segments == () and lead.missing("64p", 1, 2) == 1
    helper.write_all()
    lead.load_more()
    assert lead.missing("64p", 1, 2) is None
