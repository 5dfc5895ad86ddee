"""Guards the whole way of an upload: what is published, that it plays, and in which order it appears."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from broker.errors import PermanentError, TaskTimeout, TransientError
from broker.task_type import MAX_TIMEOUT
from handlers.transcoding import ffmpeg
from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.run import transcode
from handlers.transcoding.task import VIDEO_TRANSCODING, VideoTranscodingResult
from tests.handlers.transcoding import playback
from tests.handlers.transcoding.conftest import Make, Transcode
from tests.handlers.transcoding.fake_context import HLS, VIDEO_ID, FakeContext
from tests.handlers.transcoding.sources import AAC, X264, grey, picture, sound, tone
from tests.handlers.transcoding.validator import Ladder, validate

#: 7.5 s of 1280x720 at 24000/1001: one whole segment and a short one. Each picture's luma tells its number.
FRAMES = 180
RATE = 24_000 / 1001


@pytest.fixture(scope="module")
def upload(make: Make) -> Path:
    pictures = grey("1280x720", "24000/1001", FRAMES / RATE, "20+mod(N*3,200)")
    return make("numbered.mp4", *pictures, *sound(7.5), *X264, *AAC)


@pytest.fixture(scope="module")
def done(upload: Path, tmp_path_factory: pytest.TempPathFactory) -> FakeContext:
    context = FakeContext(tmp_path_factory.mktemp("numbered"), upload)
    context.answer = transcode(context)
    return context


@pytest.fixture(scope="module")
def ladder(done: FakeContext) -> Ladder:
    return validate(done.hls)


def test_the_ladder_is_valid_and_complete(ladder: Ladder) -> None:
    assert [variant.size for variant in ladder.variants] == [(640, 360), (854, 480), (1280, 720)]
    assert {variant.attributes["FRAME-RATE"] for variant in ladder.variants} == {"23.976"}
    assert [[len(part) for part in variant.video.samples] for variant in ladder.variants] == [[144, 36]] * 3
    assert ladder.audio is not None


def test_every_picture_is_there_once_and_in_order(ladder: Ladder) -> None:
    expected = [20 + number * 3 % 200 for number in range(FRAMES)]
    for variant in ladder.variants:
        assert playback.luma(variant.video) == pytest.approx(expected, abs=1.5)


def test_the_answer_and_the_media_record_tell_the_same_facts(done: FakeContext, ladder: Ladder) -> None:
    answer = done.answer
    assert VideoTranscodingResult().validate(answer) == {}
    assert answer == {"video_id": VIDEO_ID, **done.attached}
    assert (answer["width"], answer["height"]) == (1280, 720)
    assert (answer["frame_rate"], answer["duration_seconds"]) == (23.976, pytest.approx(FRAMES / RATE, abs=0.001))
    assert (answer["hls_master"], answer["poster"]) == ("hls/master.m3u8", "hls/poster.jpg")
    told = [(each["playlist"], str(each["bandwidth"]), each["codecs"]) for each in answer["variants"]]
    declared = [(each.video.uri, each.attributes["BANDWIDTH"], each.attributes["CODECS"]) for each in ladder.variants]
    assert told == declared
    assert [(each["name"], each["width"], each["height"]) for each in answer["variants"]] == [
        ("360p", 640, 360),
        ("480p", 854, 480),
        ("720p", 1280, 720),
    ]


def test_the_poster_is_a_picture_of_the_video(done: FakeContext) -> None:
    with done.storage.open(f"{HLS}poster.jpg") as file, av.open(io.BytesIO(file.read()), format="jpeg_pipe") as image:
        (frame,) = image.decode(video=0)
    assert (frame.width, frame.height) == (1280, 720)
    # The picture is one of the 25 that come after a tenth of the video.
    at = FRAMES // 10
    shown = [(20 + number * 3 % 200 - 16) * 255 / 219 for number in range(at, at + 25)]
    assert min(abs(frame.to_ndarray(format="gray").mean() - each) for each in shown) < 2


def test_progress_grows_and_leaves_the_end_to_what_is_published(done: FakeContext) -> None:
    percents = [percent for percent, _ in done.stages]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert 95 < percents[-1] < 100
    assert list(dict.fromkeys(stage for _, stage in done.stages)) == ["probing", "transcoding", "publishing"]


def test_one_ffmpeg_decodes_once_for_all_renditions_but_for_the_first_segment(done: FakeContext) -> None:
    first, *others = [command for command in done.commands if "libx264" in command]
    assert first.count("libx264") == 1
    assert [command.count("libx264") for command in others] == [2, 3]
    assert {command.count("-i") for command in others} == {1}
    assert done.running == []


def test_a_second_run_replaces_the_first_and_leaves_nothing_over(make: Make, tmp_path: Path) -> None:
    upload = make("small.mp4", *picture("320x180"), *X264)
    again = FakeContext(tmp_path, upload)
    for name in ("720p/index.m3u8", "180p/seg_00007.m4s"):
        again.storage.put(HLS + name, io.BytesIO(b"left by an earlier run"))
    other = f"{HLS.removesuffix('hls/')}source"
    transcode(again)
    assert again.stored() == [
        "180p/index.m3u8",
        "180p/init.mp4",
        "180p/seg_00000.m4s",
        "iframes/iframes.mp4",
        "iframes/index.m3u8",
        "master.m3u8",
        "poster.jpg",
        "storyboard/storyboard.vtt",
        "storyboard/tiles_001.jpg",
    ]
    assert again.storage.stat(other).size == upload.stat().st_size
    validate(again.hls)


def test_full_hd_gets_four_rungs_and_a_poster_of_720p(make: Make, run: Transcode) -> None:
    context = run(make("hd.mp4", *picture("1080x1920", seconds=0.12), *X264))
    ladder = validate(context.hls)
    assert [variant.size for variant in ladder.variants] == [(360, 640), (480, 854), (720, 1280), (1080, 1920)]
    with av.open(str(context.hls / "poster.jpg"), format="jpeg_pipe") as image:
        assert (image.streams.video[0].width, image.streams.video[0].height) == (720, 1280)


def test_where_a_video_was_taken_stays_private(make: Make, run: Transcode) -> None:
    tags = ("-metadata", "title=HOMESWEETHOME", "-metadata", "location=+48.2082+016.3738/")
    upload = make("tagged.mp4", *picture("320x180"), *sound(), *X264, *AAC, *tags)
    assert b"HOMESWEETHOME" in upload.read_bytes()
    for path in run(upload).hls.rglob("*.*"):
        content = path.read_bytes()
        assert b"HOMESWEETHOME" not in content
        assert b"48.2082" not in content


def test_flash_and_beep_stay_together(make: Make, run: Transcode) -> None:
    bright = grey("640x360", "30000/1001", 4, "if(between(T\\,2\\,2.2)\\,235\\,16)")
    upload = make("flash.mp4", *bright, *tone(4, "between(t,2,2.2)"), *X264, *AAC)
    ladder = validate(run(upload).hls)
    assert ladder.audio is not None
    flash = next(at for at, luma in enumerate(playback.luma(ladder.variants[0].video)) if luma > 128) * 1001 / 30_000
    beep = int(np.argmax(playback.loudness(ladder.audio) > 0.2)) / 48_000
    assert flash == pytest.approx(2.0, abs=0.034)
    assert beep == pytest.approx(2.0, abs=0.022)


def test_a_source_that_is_gone_is_told_so(make: Make, tmp_path: Path) -> None:
    context = FakeContext(tmp_path, make("small.mp4", *picture("320x180"), *X264))
    context.storage.delete(context.record.source_key)
    with pytest.raises(PermanentError, match="no longer stored"):
        transcode(context)


def broken(upload: Path, folder: Path, part: float) -> Path:
    """A copy in which the packets of the last ``part`` of a video are noise."""
    with av.open(str(upload)) as file:
        packets = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(upload.read_bytes())
    for at, size in packets[round(len(packets) * (1 - part)) :]:
        data[at : at + size] = bytes(size)
    copy = folder / "broken.mp4"
    copy.write_bytes(data)
    return copy


def test_half_a_video_is_no_video(make: Make, tmp_path: Path) -> None:
    """A decoder that drops most pictures is caught by counting them."""
    upload = make("intra.mp4", *picture("320x180"), "-c:v", "mjpeg", "-q:v", "5")
    context = FakeContext(tmp_path, broken(upload, tmp_path, 0.6))
    with pytest.raises(PermanentError, match="only 10 of its 25"):
        transcode(context)
    assert context.stored() == []


def test_a_damaged_part_is_told(make: Make, tmp_path: Path) -> None:
    upload = make("intra.mp4", *picture("320x180"), "-c:v", "mjpeg", "-q:v", "5")
    context = FakeContext(tmp_path, broken(upload, tmp_path, 0.2))
    (warning,) = transcode(context)["warnings"]
    assert "Parts of the video are damaged" in warning
    assert validate(context.hls).variants[0].video.frames == 25


def test_no_picture_at_all_is_no_video(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ffmpeg may succeed without having written anything."""
    context = FakeContext(tmp_path, make("small.mp4", *picture("320x180"), *X264))
    popen = context.popen
    monkeypatch.setattr(
        context, "popen", lambda argv, **options: popen(["/bin/true"] if argv[0] == binary() else argv, **options)
    )
    with pytest.raises(PermanentError, match="damaged"):
        transcode(context)


def test_two_runs_make_the_same_bytes(make: Make, tmp_path: Path) -> None:
    """Without this no run could go on with what another has left."""
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=3,noise=alls=30:allf=t")
    upload = make("noisy.mp4", *pictures, *sound(3), *X264, *AAC)
    runs = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        context = FakeContext(folder, upload)
        transcode(context)
        runs.append({name: (context.hls / name).read_bytes() for name in context.stored()})
    assert runs[0] == runs[1]


class Stops:
    """Makes ``encode`` end as if ffmpeg had stopped making progress."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, *_: object, **__: object) -> None:
        raise self.error


def test_a_second_stall_is_the_last(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "encode", Stops(ffmpeg.Stalled()))
    context = FakeContext(tmp_path, make("small.mp4", *picture("320x180"), *X264))
    with pytest.raises(TransientError):
        transcode(context)
    (context.scratch / "180p").rmdir()
    with pytest.raises(PermanentError, match="no progress on it, twice"):
        transcode(context)


def test_what_took_too_long_is_not_begun_again(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "encode", Stops(TaskTimeout()))
    context = FakeContext(tmp_path, make("small.mp4", *picture("320x180"), *X264))
    with pytest.raises(PermanentError, match="longer timeout_seconds"):
        transcode(context)


def test_a_film_may_take_as_long_as_frames_come() -> None:
    """The timeout is no bound for a film; the bounds follow its length, its ladder, and whether frames come."""
    assert VIDEO_TRANSCODING.run_timeout(VIDEO_TRANSCODING.timeout) == MAX_TIMEOUT


def test_progress_moves_as_soon_as_frames_are_made(done: FakeContext) -> None:
    """How often it is told is a matter of this machine's speed."""
    told = [percent for percent, stage in done.stages if stage == "transcoding"]
    assert told[0] < 50
    assert told == sorted(told)
