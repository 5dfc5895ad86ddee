"""What a whole transcoding costs beside bare ffmpeg, what interruptions add, and how soon something plays.

Processor seconds of this process and of all programs that it has started, which hardly depend on what else runs.
"""

import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

from handlers.media import decoding
from handlers.transcoding import graph, sound
from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.hls_output import hls_options, hls_target
from handlers.transcoding.plan import Plan, plan
from handlers.transcoding.ranges import Part
from handlers.transcoding.scan import scan
from scripts.bench import first_picture
from scripts.bench.report import table
from scripts.bench.video_run import Interrupted, VideoRun

#: Where runs are interrupted, in percent of the whole.
_INTERRUPTIONS = (12, 29, 47, 66, 83)

#: Processor seconds, seconds of the clock, seconds until something could be played.
Cost = dict[str, float | None]


def run(seconds: int, share: float) -> dict[str, dict[str, Cost]]:
    """What is made of a video of 1280 by 720 pixels with sound, in three renditions: of ``seconds`` as a whole, by the
    way it is made; and of long ones until something plays, of ``share`` of their lengths.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {"first picture": _first_pictures(folder, share), "whole": _whole_videos(folder, seconds)}


def _first_pictures(folder: Path, share: float) -> dict[str, Cost]:
    recording, found = first_picture.record(folder / "recording.mp4"), {}
    for name in first_picture.SOURCES:
        upload = first_picture.lengthen(recording, name, share)
        video = VideoRun(folder / "first", upload)
        found[name] = _cost(partial(first_picture.until_playable, video))
        shutil.rmtree(folder / "first")
        upload.unlink()
    return found


def _whole_videos(folder: Path, seconds: int) -> dict[str, Cost]:
    upload = source_file(folder / "source.mp4", seconds)
    return {
        "one bare ffmpeg": _cost(lambda: _bare(folder, upload, together=True)),
        "bare ffmpeg, a process for each rendition": _cost(lambda: _bare(folder, upload, together=False)),
        "the whole task": _cost(lambda: _whole(folder / "whole", upload)),
        "the whole task, interrupted five times": _cost(lambda: _interrupted(folder / "parts", upload)),
    }


def report(found: dict[str, dict[str, Cost]]) -> str:
    """The tables."""
    bare = found["whole"]["one bare ffmpeg"]["cpu"] or 1.0
    whole = [
        [name, f"{each['cpu']:.1f}", f"{(each['cpu'] or 0) / bare:.3f}", f"{each['wall']:.1f}"]
        for name, each in found["whole"].items()
    ]
    first = [[name, f"{each['cpu']:.1f}", _shown(each["playable"])] for name, each in found["first picture"].items()]
    return "\n\n".join(
        [
            table(["time to first frame", "CPU s until then", "s"], first),
            table(["a video", "CPU s", "of bare", "s"], whole),
        ]
    )


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"


def source_file(path: Path, seconds: int) -> Path:
    """A video of 1280 by 720 pixels, 25 pictures a second, with sound."""
    pictures = f"testsrc2=s=1280x720:r=25:d={seconds},noise=alls=8:allf=t"
    inputs = ("-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", f"anoisesrc=a=0.1:d={seconds}")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "100", "-pix_fmt", "yuv420p", "-c:a", "aac")
    subprocess.run([binary(), "-nostdin", "-v", "fatal", *inputs, *coded, str(path)], check=True)
    return path


def _cost(work: Callable[[], float | None]) -> Cost:
    before, began = _used(), time.monotonic()
    playable = work()
    wall = time.monotonic() - began
    decoding.close()  # counts when it has ended
    return {"cpu": _used() - before, "wall": wall, "playable": playable}


def _used() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def in_one_run(path: Path, demuxer: str, track: int, planned: Plan, length: Fraction) -> list[str]:
    """The program that makes all sound by itself, in the folder that it has in the product."""
    samples = sound.decoding(binary(), path, demuxer, track, length)
    to_pipe = ["-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]
    assert samples[-len(to_pipe) :] == to_pipe
    coded = {"c:a": "aac", "b:a": "128k", "bsf:a": r"noise=drop=eq(n\,0)", **hls_options(sound.AUDIO, planned)}
    arguments = [part for name, value in coded.items() for part in (f"-{name}", str(value))]
    return [*samples[: -len(to_pipe)], *arguments, hls_target(sound.AUDIO)]


def _bare(folder: Path, upload: Path, *, together: bool) -> None:
    """The same renditions by the same arguments, without anything around them."""
    source = scan(str(upload), "mov")
    planned = plan(source)
    ladder = [tuple(planned.rungs)] if together else [(rung,) for rung in planned.rungs]
    commands = [
        graph.command(binary(), upload, "mov", source, planned, Part(0, planned.segments, rungs, seek=False))
        for rungs in ladder
    ]
    length = Fraction(planned.seconds)
    commands.append(in_one_run(upload, "mov", source.sound[0].track, planned, length))
    for name in (*(rung.name for rung in planned.rungs), sound.AUDIO):
        (folder / name).mkdir(exist_ok=True)
    for command in commands:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _whole(folder: Path, upload: Path) -> float | None:
    video = VideoRun(folder, upload)
    video.run()
    return video.playable


def _interrupted(folder: Path, upload: Path) -> float | None:
    video = VideoRun(folder, upload)
    for percent in _INTERRUPTIONS:

        def interrupt(done: float, at: float = percent) -> None:
            if done >= at:
                raise Interrupted()

        video.on_progress = interrupt
        try:
            video.run()
        except Interrupted:
            continue
    video.on_progress = lambda percent: None
    video.run()
    return video.playable
