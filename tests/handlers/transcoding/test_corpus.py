"""Guards against one part of a file standing for all of it: the first picture, the first track, the first seconds.

Each source here is strange in one way. What is lost of it is told in the answer's ``warnings``.
"""

import random
from pathlib import Path

import av
import numpy as np
import pytest

from broker.errors import PermanentError
from handlers.media.bounds import INPUT_OPTIONS
from handlers.transcoding import scan
from handlers.transcoding.run import transcode
from tests.handlers.transcoding import playback
from tests.handlers.transcoding.conftest import Make, Transcode
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.sources import AAC, X264, grey, picture, sound, tone
from tests.handlers.transcoding.validator import validate

SMALL = picture("320x180")


def joined(folder: Path, name: str, *parts: Path) -> Path:
    """The packets of several files of one codec, one file after the other, as a browser records a call."""
    path = folder / name
    with av.open(str(path), "w") as target:
        with av.open(str(parts[0])) as first:
            track = target.add_stream_from_template(first.streams.video[0])
        shift = 0
        for part in parts:
            with av.open(str(part)) as source:
                packets = [packet for packet in source.demux(video=0) if packet.size]
                scale = packets[0].time_base / track.time_base if track.time_base else 1
                end = max(packet.pts + packet.duration for packet in packets)
                for packet in packets:
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = track
                    target.mux(packet)
                assert scale == 1
                shift += end
    return path


def vp8(make: Make, name: str, *source: str) -> Path:
    return make(name, *source, "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-enc_time_base", "1:1000")


def test_the_ladder_is_that_of_the_largest_picture(make: Make, run: Transcode, tmp_path: Path) -> None:
    small, large = vp8(make, "small.webm", *picture("160x90")), vp8(make, "large.webm", *picture("854x480"))
    context = run(joined(tmp_path, "growing.webm", small, large, small))
    ladder = validate(context.hls)
    assert [variant.size for variant in ladder.variants] == [(640, 360), (854, 480)]
    assert ladder.variants[0].video.frames == 75
    assert context.answer["height"] == 480


def test_another_shape_is_fitted_and_not_squeezed(make: Make, run: Transcode, tmp_path: Path) -> None:
    wide = vp8(make, "wide.webm", *grey("320x180", "25", 0.4, "235"))
    tall = vp8(make, "tall.webm", *grey("90x160", "25", 0.4, "235"))
    (variant,) = validate(run(joined(tmp_path, "turned.webm", wide, tall)).hls).variants
    first, last = (playback.pictures(variant.video)[at] for at in (0, -1))
    assert (variant.size, first.min() > 200) == ((320, 180), True)
    bright = np.flatnonzero(last.mean(axis=(0, 2)) > 128)
    assert (bright[0], len(bright)) == (pytest.approx(110, abs=2), pytest.approx(101, abs=3))
    assert last[:, 160].min() > 200


def tracks(make: Make, name: str, *dispositions: str) -> Path:
    """A small and a large track of pictures."""
    marks = [part for at, mark in enumerate(dispositions) for part in (f"-disposition:v:{at}", mark)]
    both = (*picture("160x90", seconds=0.4), *picture("320x180", seconds=0.4), "-map", "0", "-map", "1")
    return make(name, *both, *X264, *marks)


@pytest.mark.parametrize(
    ("name", "marks", "height"),
    [
        ("larger.mp4", ("default", "0"), 180),
        ("unmarked.mkv", ("0", "0"), 180),
        ("second.mkv", ("0", "default"), 180),
    ],
)
def test_the_largest_of_several_video_tracks_is_used(
    name: str, marks: tuple[str, ...], height: int, make: Make, run: Transcode
) -> None:
    context = run(tracks(make, name, *marks))
    (variant,) = validate(context.hls).variants
    assert variant.size[1] == height
    assert context.answer["warnings"] == ["1 further video track is left out."]


def test_the_default_video_track_is_used_though_it_is_smaller(make: Make, run: Transcode) -> None:
    both = (*picture("320x180", seconds=0.4), *picture("160x90", seconds=0.4), "-map", "0", "-map", "1")
    upload = make("default.mkv", *both, *X264, "-disposition:v:0", "0", "-disposition:v:1", "default")
    (variant,) = validate(run(upload).hls).variants
    assert variant.size == (160, 90)


def test_a_video_track_that_cannot_be_decoded_is_not_chosen(make: Make, run: Transcode, tmp_path: Path) -> None:
    upload = tracks(make, "larger.mp4", "default", "0")
    with av.open(str(upload)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=1) if packet.size]
    data = bytearray(upload.read_bytes())
    for at, size in places:
        data[at : at + size] = bytes(size)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    (variant,) = validate(run(damaged).hls).variants
    assert variant.size == (160, 90)


def with_noise_for_sound(upload: Path, folder: Path, step: int = 1) -> Path:
    """A copy in which every ``step``-th packet of the first track of sound is noise."""
    with av.open(str(upload)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(audio=0) if packet.size]
    data, dice = bytearray(upload.read_bytes()), random.Random(7)
    for at, size in places[::step]:
        data[at : at + size] = dice.randbytes(size)
    copy = folder / "noise.mp4"
    copy.write_bytes(data)
    return copy


def test_sound_that_cannot_be_decoded_fails_no_pictures(make: Make, run: Transcode, tmp_path: Path) -> None:
    context = run(with_noise_for_sound(make("heard.mp4", *SMALL, *sound(), *X264, *AAC), tmp_path))
    ladder = validate(context.hls)
    assert (ladder.audio, ladder.variants[0].video.frames) == (None, 25)
    assert context.answer["warnings"] == ["Sound track 1 cannot be decoded: published without it."]
    assert not any(name.startswith("audio") for name in context.stored())


def test_sound_that_is_damaged_in_places_is_kept(make: Make, run: Transcode, tmp_path: Path) -> None:
    context = run(with_noise_for_sound(make("heard.mp4", *SMALL, *sound(), *X264, *AAC), tmp_path, step=5))
    assert validate(context.hls).audio is not None
    assert "Parts of the sound are damaged" in context.answer["warnings"][0]


def test_another_sound_track_is_used_when_the_first_cannot_be_decoded(
    make: Make, run: Transcode, tmp_path: Path
) -> None:
    two = (*SMALL, *sound(), *tone(1, "1"), "-map", "0", "-map", "1", "-map", "2", *X264, *AAC)
    context = run(with_noise_for_sound(make("two sounds.mp4", *two), tmp_path))
    ladder = validate(context.hls)
    assert ladder.audio is not None
    assert playback.loudness(ladder.audio).max() > 0.5
    assert "Sound track 1 cannot be decoded: the next one is used." in context.answer["warnings"]


def test_a_sound_clock_that_jumps_holds_up_no_pictures(make: Make, run: Transcode) -> None:
    jump = ("-bsf:a", r"setts=ts=TS+if(gt(TS*TB\,0.5)\,30/TB\,0)")
    context = run(make("jump.mkv", *SMALL, *tone(1, "1"), *X264, *AAC, *jump))
    ladder = validate(context.hls)
    assert ladder.audio is not None
    assert ladder.variants[0].video.duration == pytest.approx(31, abs=0.1)
    loud = playback.loudness(ladder.audio)
    assert loud[: 24_000 * 9 // 10].max() > 0.5
    assert loud[-12_000:].max() > 0.5


@pytest.fixture
def subtitled(make: Make, tmp_path: Path) -> Path:
    """71 tracks."""
    text = tmp_path / "text.srt"
    text.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    texts = [part for _ in range(70) for part in ("-map", "1")]
    return make("subtitled.mkv", *SMALL, "-i", str(text), "-map", "0", *texts, *X264, "-c:s", "srt")


def test_many_tracks_cut_no_picture_off(subtitled: Path, run: Transcode) -> None:
    context = run(subtitled)
    assert validate(context.hls).variants[0].video.frames == 25
    assert context.answer["warnings"] == ["20 further subtitle tracks are left out."]


def test_more_tracks_than_are_read_are_refused(subtitled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here of a lower bound; a demuxer goes on with those that it has, and with a part of their packets."""
    monkeypatch.setitem(INPUT_OPTIONS, "max_streams", "64")
    monkeypatch.setattr(scan, "MAX_TRACKS", 64)
    with pytest.raises(PermanentError, match="64 tracks or more"):
        scan.scan(str(subtitled), "matroska")


def test_sound_is_cut_where_the_last_picture_cannot_be_held(make: Make, run: Transcode, tmp_path: Path) -> None:
    """Filters start again where pictures change their size, so a picture would be held there, too."""
    first = make("first.ts", *SMALL, *sound(), *X264, *AAC)
    longer = make("longer.ts", *picture("240x180"), *sound(2), *X264, *AAC, "-output_ts_offset", "1")
    glued = tmp_path / "glued.ts"
    glued.write_bytes(first.read_bytes() + longer.read_bytes())
    context = run(glued)
    ladder = validate(context.hls)
    assert ladder.variants[0].video.frames == pytest.approx(50, abs=2)
    assert "sound is cut at the last picture" in context.answer["warnings"][0]


def test_a_single_picture_that_lasts_no_time_is_shown(make: Make, run: Transcode) -> None:
    upload = make("one.ts", *picture("320x180", "1199"), "-frames:v", "1", "-c:v", "mpeg4")
    assert validate(run(upload).hls).variants[0].video.frames == 1


#: name: how the red is stored, and the names it is stored by.
COLOURS = {
    "ycgco": ("zscale=m=ycgco:r=tv,format=yuv444p", "-colorspace", "ycgco"),
    "wide": (
        "zscale=p=2020:t=2020_10:m=2020_ncl:r=tv,format=yuv420p10le",
        *("-color_primaries", "bt2020", "-color_trc", "bt2020-10", "-colorspace", "bt2020nc"),
    ),
    "constant luminance": (
        "zscale=p=2020:t=2020_10:m=2020_cl:r=tv,format=yuv420p10le",
        *("-color_primaries", "bt2020", "-color_trc", "bt2020-10", "-colorspace", "bt2020c"),
    ),
    "ictcp by mistake": ("zscale=m=709:r=tv,format=yuv420p,setparams=colorspace=ictcp",),
    "display p3": (
        "zscale=p=smpte432:t=709:m=709:r=tv,format=yuv420p10le",
        *("-color_primaries", "smpte432", "-color_trc", "bt709", "-colorspace", "bt709"),
    ),
}


@pytest.mark.parametrize("name", COLOURS)
def test_rare_colours_look_as_in_the_source(name: str, make: Make, run: Transcode) -> None:
    stored, *tags = COLOURS[name]
    named = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc"
    colour = ("-f", "lavfi", "-i", f"color=0xC82828:s=320x180:r=25:d=0.08,format=gbrp,{named},{stored}")
    (variant,) = validate(run(make(f"{name}.mkv", *colour, *tags, "-c:v", "ffv1")).hls).variants
    assert playback.pictures(variant.video)[0].mean(axis=(0, 1)) == pytest.approx([200, 40, 40], abs=6)


def test_ictcp_is_high_dynamic_range(make: Make, run: Transcode) -> None:
    named = "format=gbrpf32le,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc"
    coded = "zscale=t=linear:npl=203,zscale=p=2020:t=smpte2084:m=ictcp:r=tv:npl=203,format=yuv420p10le"
    light = ("-f", "lavfi", "-i", f"color=0xFFFFFF:s=320x180:r=25:d=0.08,{named},{coded}")
    tags = ("-colorspace", "ictcp", "-color_trc", "smpte2084", "-color_primaries", "bt2020")
    (variant,) = validate(run(make("ictcp.mkv", *light, *tags, "-c:v", "ffv1")).hls).variants
    frame = playback.pictures(variant.video)[0]
    assert (frame.mean() > 168, frame.std(axis=2).mean() < 3) == (True, True)


@pytest.mark.parametrize(
    ("matrix", "primaries", "transfer"), [(3, 0, 3), (11, 3, 19), (16, 99, 9), (10, 1, 8), (12, 22, 17), (2, 3, 10)]
)
def test_names_of_colours_that_mean_nothing_fail_no_video(
    matrix: int, primaries: int, transfer: int, make: Make, run: Transcode
) -> None:
    """Any number may stand there, in any combination."""
    names = f"matrix_coefficients={matrix}:colour_primaries={primaries}:transfer_characteristics={transfer}"
    pictures = ("-f", "lavfi", "-i", "color=0xC82828:s=66x50:r=25:d=0.08,scale=out_color_matrix=bt601,format=yuv444p")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "1", "-bsf:v", f"h264_metadata={names}")
    upload = make(f"{matrix}-{primaries}-{transfer}.mkv", *pictures, *coded)
    (variant,) = validate(run(upload).hls).variants
    assert variant.size == (66, 50)


def test_transparency_of_rare_colours_is_black(make: Make, run: Transcode) -> None:
    named = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    hidden = f"color=white:s=64x64:r=25:d=0.08,format=yuva444p,geq=lum=235:cb=128:cr=128:a=0,{named},zscale=m=ycgco"
    upload = make("clear.mkv", "-f", "lavfi", "-i", hidden, "-c:v", "ffv1", "-colorspace", "ycgco")
    (variant,) = validate(run(upload).hls).variants
    assert playback.pictures(variant.video)[0].mean() < 4


def test_what_becomes_interlaced_later_is_deinterlaced(make: Make, run: Transcode, tmp_path: Path) -> None:
    """Each field has a brightness of its own, so a picture of two fields would be striped."""
    code = ("-c:v", "mpeg2video", "-q:v", "2", "-g", "5")
    plain = make("plain.ts", *grey("320x180", "25", 1, "128"), *code)
    fields = grey("320x180", "50", 1, "20+16*mod(N\\,12)")
    striped = ("-vf", "interlace=scan=tff:lowpass=off", "-flags", "+ildct+ilme", "-output_ts_offset", "1")
    later = make("striped.ts", *fields, *code, *striped)
    glued = tmp_path / "glued.ts"
    glued.write_bytes(plain.read_bytes() + later.read_bytes())
    (variant,) = validate(run(glued).hls).variants
    assert variant.attributes["FRAME-RATE"] == "50.000"
    frames = playback.pictures(variant.video)
    assert len(frames) == pytest.approx(100, abs=2)
    assert max(float(frame.std()) for frame in frames[55:]) < 4


def test_no_picture_of_an_unsteady_source_is_left_out(make: Make, run: Transcode) -> None:
    """A screen's recording: pictures come whenever something changes. Each has a brightness of its own."""
    chosen = "+".join(f"eq(mod(n\\,11)\\,{number})" for number in (0, 2, 5, 8, 10))
    pictures = ("-vf", f"select='{chosen}'", "-fps_mode", "vfr", *X264)
    upload = make("screen.mkv", *grey("320x180", "60", 2, "16+mod(N*7,210)"), *pictures)
    (variant,) = validate(run(upload).hls).variants
    expected = [16 + number * 7 % 210 for number in range(120) if number % 11 in (0, 2, 5, 8, 10)]
    shown = playback.luma(variant.video)
    distinct = [shown[0]]
    for luma in shown[1:]:
        if abs(luma - distinct[-1]) > 3:
            distinct.append(luma)
    assert distinct == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("film.mkv", (*X264, *AAC)),
        ("film.webm", ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")),
        ("film.avi", ("-c:v", "mpeg4", "-c:a", "libmp3lame")),
        ("film.wmv", ("-c:v", "wmv2", "-c:a", "wmav2")),
        ("film.flv", (*X264, *AAC)),
    ],
)
def test_a_file_that_was_cut_off_is_told_so(name: str, codecs: tuple[str, ...], make: Make, tmp_path: Path) -> None:
    whole = make(name, *picture("320x180", seconds=2), *sound(2), *codecs)
    cut = tmp_path / f"cut {name}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    context = FakeContext(tmp_path, cut)
    with pytest.raises(PermanentError, match=r"is cut off: only [3-7]. % of it"):
        transcode(context)
    assert context.stored() == []


def test_a_few_bytes_that_are_missing_are_told(make: Make, run: Transcode, tmp_path: Path) -> None:
    whole = make("film.mkv", *picture("320x180", seconds=2), *sound(2), *X264, *AAC)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[:-10])
    (warning,) = run(cut).answer["warnings"]
    assert "10 bytes" in warning


def test_the_end_of_a_fragment_that_is_missing_is_told(make: Make, run: Transcode, tmp_path: Path) -> None:
    """Fragmented files know no length but that of each fragment."""
    fragments = ("-movflags", "+frag_keyframe+empty_moov", "-g", "10")
    whole = make("fragments.mp4", *picture("320x180", seconds=2), *X264, *fragments)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:-2000])
    assert "bytes before it should" in run(cut).answer["warnings"][0]


def test_a_recording_that_was_never_finished_is_whole(make: Make, run: Transcode) -> None:
    upload = make("live.mkv", *SMALL, *sound(), *X264, *AAC, "-live", "1")
    assert run(upload).answer["warnings"] == []


def test_tracks_are_equally_long_though_the_last_pictures_cannot_be_decoded(
    make: Make, run: Transcode, tmp_path: Path
) -> None:
    upload = make("intra sound.mp4", *SMALL, *sound(), "-c:v", "mjpeg", "-q:v", "5", *AAC)
    with av.open(str(upload)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(upload.read_bytes())
    for at, size in places[15:]:
        data[at : at + size] = bytes(size)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    context = run(damaged)
    ladder = validate(context.hls)
    assert ladder.audio is not None
    assert (ladder.variants[0].video.frames, ladder.audio.duration) == (25, pytest.approx(1.0, abs=0.022))
    assert "Parts of the video are damaged" in context.answer["warnings"][0]


HOLE = r"setts=ts=TS+if(gt(TS*TB\,0.5)\,30000/TB\,0)"


def test_a_hole_in_time_is_not_filled_for_hours(make: Make, tmp_path: Path) -> None:
    upload = make("hole.mkv", *SMALL, *tone(1, "1"), *X264, *AAC, "-bsf:v", HOLE)
    context = FakeContext(tmp_path, upload)
    with pytest.raises(PermanentError, match=r"one long hole: it claims to last 3000\d s"):
        transcode(context)
    assert not any("libx264" in command for command in context.commands)


def test_no_picture_is_held_for_hours_for_a_sound_clock_that_is_wrong(make: Make, run: Transcode) -> None:
    context = run(make("hole in sound.mkv", *SMALL, *tone(1, "1"), *X264, *AAC, "-bsf:a", HOLE))
    ladder = validate(context.hls)
    assert ladder.audio is not None
    assert (ladder.variants[0].video.frames, ladder.audio.duration) == (25, pytest.approx(1.0, abs=0.022))
    assert context.answer["warnings"] == ["The sound is cut at the last picture, 1.0 s; it lasts 30001.0 s."]


def test_an_edit_list_leaves_pictures_out_that_are_there(make: Make, run: Transcode) -> None:
    whole = make("whole.mp4", *SMALL, *X264)
    context = run(make("edited.mp4", "-ss", "0.4", "-i", str(whole), "-c", "copy"))
    assert validate(context.hls).variants[0].video.frames == 15
    assert context.answer["warnings"] == []


def test_slides_without_sound_are_no_hole(make: Make, tmp_path: Path) -> None:
    slow = ("-vf", "setpts=N*20/TB", "-fps_mode", "vfr")
    upload = make("slides.mkv", *picture("64x48", "1", 3), *slow, *X264)
    context = FakeContext(tmp_path, upload)
    assert transcode(context)["duration_seconds"] == pytest.approx(40, abs=2)
