"""How soon a viewer sees the first picture of a long upload, from the beginning of the run, and what that costs.

Uploads are a short recording again and again without encoding, since their length is what counts.
"""

import subprocess
from contextlib import suppress
from pathlib import Path

from handlers.transcoding.ffmpeg import binary
from scripts.bench.video_run import Interrupted, VideoRun

#: Seconds of the recording.
_RECORDED = 20
#: Each packet is moved by up to four fifths of a picture's time, and stays behind the one ahead of it.
_UNSTEADY = "setts=ts=TS+mod(N*7919\\,5)*0.16*DURATION:duration=DURATION"

#: By name: minutes, the container, and options of the copy.
SOURCES = {
    "10 minutes, MP4": (10, "mp4", []),
    "an hour, MP4": (60, "mp4", []),
    "an hour, MP4, varying rate": (60, "mp4", ["-bsf:v", _UNSTEADY]),
    "an hour, Matroska": (60, "mkv", []),
    "an hour, MP4 in fragments": (60, "mp4", ["-movflags", "+frag_keyframe+empty_moov"]),
    "an hour, transport stream": (60, "ts", []),
}


def record(path: Path) -> Path:
    """1280 by 720 pixels at two megabits per second, with sound."""
    pictures = f"testsrc2=s=1280x720:r=25:d={_RECORDED}"
    inputs = ("-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", f"anoisesrc=a=0.1:d={_RECORDED}")
    coded = ("-c:v", "libx264", "-preset", "superfast", "-b:v", "2M", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac")
    subprocess.run([binary(), "-nostdin", "-v", "fatal", *inputs, *coded, str(path)], check=True)
    return path


def lengthen(recording: Path, name: str, share: float) -> Path:
    """The upload of this name, beside the recording; ``share`` of its length."""
    minutes, suffix, options = SOURCES[name]
    path = recording.with_name(f"upload.{suffix}")
    repeats = max(1, int(minutes * 60 * share / _RECORDED)) - 1
    again = ("-stream_loop", str(repeats), "-i", str(recording), "-c", "copy", *options, str(path))
    subprocess.run([binary(), "-nostdin", "-v", "fatal", "-y", *again], check=True)
    return path


def until_playable(video: VideoRun) -> float | None:
    """Run until something plays, in seconds of the clock."""

    def stop() -> None:
        raise Interrupted()

    video.on_playable = stop
    with suppress(Interrupted):
        video.run()
    return video.playable
