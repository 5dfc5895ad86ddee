"""Guards that any file people upload becomes a valid ladder of the right shape, rate and length."""

from pathlib import Path

import numpy as np
import pytest

from tests.handlers.transcoding import playback
from tests.handlers.transcoding.conftest import Make, Transcode
from tests.handlers.transcoding.sources import AAC, X264, grey, picture, sound, tone
from tests.handlers.transcoding.validator import validate

SMALL = picture("320x180")
#: name: ffmpeg arguments, then the first rung's size, its frame rate, its number of frames, and whether there is sound.
SOURCES = {
    "one frame.mp4": ((*picture("320x180", seconds=0.04), *X264), (320, 180), "25.000", 1, False),
    "no audio.mp4": ((*SMALL, *X264), (320, 180), "25.000", 25, False),
    "portrait.mp4": ((*picture("270x480", seconds=0.4), *X264), (270, 480), "25.000", 10, False),
    "anamorphic.mp4": (
        ("-f", "lavfi", "-i", "testsrc2=s=360x288:r=25:d=0.4,setsar=64/45", *X264),
        (512, 288),
        "25.000",
        10,
        False,
    ),
    "odd size.mkv": (
        (*picture("405x227", seconds=0.4), "-c:v", "ffv1", "-pix_fmt", "bgr0"),
        (404, 226),
        "25.000",
        10,
        False,
    ),
    "tiny.mkv": ((*picture("15x11", seconds=0.4), "-c:v", "ffv1", "-pix_fmt", "bgr0"), (16, 16), "25.000", 10, False),
    "ten bits.mkv": (
        (
            *SMALL,
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p10le",
            "-x265-params",
            "log-level=none",
        ),
        (320, 180),
        "25.000",
        25,
        False,
    ),
    "ntsc 60.mkv": ((*picture("64x48", "60000/1001", 4), *X264), (64, 48), "59.940", 240, False),
    "slideshow.mp4": ((*picture("320x180", "1", 4), *X264), (320, 180), "6.000", 24, False),
    "high speed.mp4": ((*picture("64x48", "240"), *X264), (64, 48), "60.000", 60, False),
    "variable.mp4": (
        (*picture("320x180", "30", 3), "-vf", "select='not(between(t,1,2))'", "-fps_mode", "vfr", *X264),
        (320, 180),
        "30.000",
        90,
        False,
    ),
    "live.webm": (
        (*SMALL, *sound(), "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1"),
        (320, 180),
        "25.000",
        25,
        True,
    ),
    "old.avi": ((*SMALL, *sound(), "-c:v", "mpeg4", "-c:a", "libmp3lame"), (320, 180), "25.000", 25, True),
    "old.wmv": ((*SMALL, *sound(), "-c:v", "wmv2", "-c:a", "wmav2"), (320, 180), "25.000", 25, True),
    "late start.ts": ((*SMALL, *sound(), *X264, *AAC, "-output_ts_offset", "5"), (320, 180), "25.000", 25, True),
    "late picture.mp4": (("-itsoffset", "0.4", *SMALL, *sound(), *X264, *AAC), (320, 180), "25.000", 35, True),
    "short sound.mp4": ((*SMALL, *sound(0.4), *X264, *AAC), (320, 180), "25.000", 25, True),
    "padded sound.mp4": ((*SMALL, *sound(1.08), *X264, *AAC), (320, 180), "25.000", 25, True),
    "long sound.mp4": ((*SMALL, *sound(3), *X264, *AAC), (320, 180), "25.000", 75, True),
    "surround.mkv": (
        (
            *SMALL,
            "-f",
            "lavfi",
            "-i",
            "anoisesrc=a=0.1:d=1,aformat=channel_layouts=mono,pan=5.1|c0=c0|c3=c0",
            *X264,
            "-c:a",
            "ac3",
        ),
        (320, 180),
        "25.000",
        25,
        True,
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_any_source_becomes_a_valid_ladder(name: str, make: Make, run: Transcode) -> None:
    arguments, size, rate, frames, has_sound = SOURCES[name]
    ladder = validate(run(make(name.replace(" ", "_"), *arguments)).hls)
    first = ladder.variants[0]
    assert (first.size, first.attributes["FRAME-RATE"]) == (size, rate)
    assert abs(first.video.frames - frames) <= 1
    assert (ladder.audio is not None) == has_sound


def test_a_turned_phone_video_stands_upright(make: Make, run: Transcode) -> None:
    lying = make("lying.mp4", *grey("320x180", "25", 0.4, "if(lt(X\\,8)\\,235\\,16)"), *X264)
    context = run(make("turned.mp4", "-display_rotation", "90", "-i", str(lying), "-c", "copy"))
    (variant,) = validate(context.hls).variants
    assert (context.answer["width"], context.answer["height"]) == variant.size == (180, 320)
    frame = playback.pictures(variant.video)[0]
    assert frame[-1].mean() > 200 > 50 > frame[0].mean()


def test_interlaced_video_gets_a_picture_per_field(make: Make, run: Transcode) -> None:
    """Each field of this source has a brightness of its own, so a picture of two fields would be striped."""
    fields = grey("360x288", "50", 1, "20+16*mod(N\\,12)")
    interlaced = ("-vf", "interlace=scan=tff:lowpass=off", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", "2")
    (variant,) = validate(run(make("fields.mpg", *fields, *interlaced)).hls).variants
    assert (variant.attributes["FRAME-RATE"], variant.video.frames) == ("50.000", 50)
    assert playback.luma(variant.video) == pytest.approx([20 + 16 * (number % 12) for number in range(50)], abs=3)
    assert max(float(frame.std()) for frame in playback.pictures(variant.video)) < 3


def test_the_default_of_several_audio_tracks_is_used(make: Make, run: Transcode) -> None:
    upload = make(
        "languages.mp4", *SMALL, *tone(1, "0"), *tone(1, "1"), "-map", "0", "-map", "1", "-map", "2", *X264, *AAC,
        "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra",
        "-disposition:a:0", "0", "-disposition:a:1", "default",
    )  # fmt: skip
    context = run(upload)
    ladder = validate(context.hls)
    assert ladder.audio is not None
    assert playback.loudness(ladder.audio).max() > 0.5
    assert 'LANGUAGE="fr"' in (context.hls / "master.m3u8").read_text()


def test_late_sound_stays_late(make: Make, run: Transcode) -> None:
    upload = make("late_sound.mkv", *picture("320x180", seconds=2), "-itsoffset", "1", *tone(1, "1"), *X264, *AAC)
    ladder = validate(run(upload).hls)
    assert ladder.audio is not None
    assert int(np.argmax(playback.loudness(ladder.audio) > 0.2)) / 48_000 == pytest.approx(1.0, abs=0.03)


def test_transparent_parts_are_black(make: Make, run: Transcode) -> None:
    hidden = ("-f", "lavfi", "-i", "color=white:s=320x180:r=25:d=0.2,format=argb,colorchannelmixer=aa=0")
    (variant,) = validate(run(make("transparent.mov", *hidden, "-c:v", "qtrle")).hls).variants
    assert playback.pictures(variant.video)[0].mean() < 3


#: name: size, then how the red is stored.
COLOURS = {
    "standard.mkv": ("320x180", "scale=out_color_matrix=bt601,format=yuv420p", "-colorspace", "smpte170m"),
    "high definition.mkv": ("1280x720", "scale=out_color_matrix=bt709,format=yuv420p", "-colorspace", "bt709"),
    "unnamed.mkv": ("320x180", "scale=out_color_matrix=bt601,format=yuv420p,setparams=colorspace=unknown"),
    "unnamed hd.mkv": ("1280x720", "scale=out_color_matrix=bt709,format=yuv420p,setparams=colorspace=unknown"),
    "full range.mov": ("320x180", "scale=out_range=pc,format=yuvj420p", "-color_range", "pc"),
    "rgb.mkv": ("320x180", "format=bgr0"),
}
RED = np.array([200, 40, 40])


@pytest.mark.parametrize("name", COLOURS)
def test_colours_look_as_in_the_source(name: str, make: Make, run: Transcode) -> None:
    size, stored, *tags = COLOURS[name]
    codec = "mjpeg" if name.endswith(".mov") else "ffv1"
    colour = ("-f", "lavfi", "-i", f"color=0xC82828:s={size}:r=25:d=0.08,format=gbrp,{stored}")
    upload = make(name.replace(" ", "_"), *colour, *tags, "-c:v", codec, "-q:v", "2", "-strict", "unofficial")
    variant = validate(run(upload).hls).variants[-1]
    assert playback.pictures(variant.video)[0].mean(axis=(0, 1)) == pytest.approx(RED, abs=6)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_toned_down(transfer: str, make: Make, run: Transcode) -> None:
    """A diffuse white of 203 nits becomes a bright grey, not the washed-out middle that its raw value would show."""
    named = "format=gbrpf32le,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc"
    linear = f"{named},zscale=t=linear:npl=203"
    coded = f"zscale=p=2020:t={transfer}:m=2020_ncl:r=tv:npl=203,format=yuv420p10le"
    light = ("-f", "lavfi", "-i", f"color=0xFFFFFF:s=320x180:r=25:d=0.2,{linear},{coded}")
    tags = ("-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc")
    upload = make(f"{transfer}.mkv", *light, *tags, "-c:v", "ffv1")
    (variant,) = validate(run(upload).hls).variants
    frame = playback.pictures(variant.video)[0]
    raw = 148 if transfer == "smpte2084" else 191
    assert frame.mean() > raw + 20
    assert frame.std(axis=2).mean() < 3


@pytest.mark.parametrize(("size", "channels"), [("240x180", "1"), ("320x180", "2")])
def test_a_change_midway_neither_stretches_nor_shifts(
    size: str, channels: str, make: Make, run: Transcode, tmp_path: Path
) -> None:
    """Broadcasts change their picture's size and their sound's channels; both tracks must go on where they were."""
    quiet = make("quiet.ts", *grey("320x180", "25", 2, "16"), *tone(2, "0"), *X264, *AAC)
    loud = grey(size, "25", 2, "if(gt(T\\,0.5)\\,235\\,16)"), tone(2, "gt(t,0.5)")
    after = make(f"loud{size}.ts", *loud[0], *loud[1], *X264, *AAC, "-ac", channels, "-output_ts_offset", "2")
    glued = tmp_path / "glued.ts"
    glued.write_bytes(quiet.read_bytes() + after.read_bytes())
    ladder = validate(run(glued).hls)
    (variant,) = ladder.variants
    assert ladder.audio is not None
    assert (variant.size, variant.video.frames) == ((320, 180), pytest.approx(100, abs=2))
    flash = next(at for at, luma in enumerate(playback.luma(variant.video)) if luma > 128) / 25
    beep = int(np.argmax(playback.loudness(ladder.audio) > 0.2)) / 48_000
    assert (flash, beep) == (pytest.approx(2.5, abs=0.05), pytest.approx(2.5, abs=0.06))
