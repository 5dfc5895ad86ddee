"""How pictures are encoded: which of ffmpeg's encoders, and its options for a rendition.

Software encoders have one thread each: with more, rate caps depend on which is first, and no two runs would make the
same bytes. Key frames come by number only, so that they fall together in all rungs, and nothing refers across them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ffmpeg.nodes import Stream

#: The rate cap, and the buffer that it holds over, as multiples of a rung's ``max_rate``; and the average for hardware
#: that is told a rate and no quality.
_PEAK, _BUFFER, _MEAN = 1.2, 2, 0.8
#: Constant quality by quality, alike in a column: 4 s of photographs in motion at 360p had a VMAF of 95.3 from x264 at
#: 21, 95.4 from x265 at 25 with 47 % of the bits, and 96.4 from SVT-AV1 at 36 with 50 %.
_CRF = {
    "libx264": {"low": 26, "standard": 21, "high": 18},
    "libx265": {"low": 30, "standard": 25, "high": 22},
    "libsvtav1": {"low": 46, "standard": 38, "high": 32},
}
_SLOWER = {"libx264": "faster", "libx265": "fast"}
#: NVENC's constant quality, on x264's scale.
_CQ = {"low": 30, "standard": 25, "high": 21}

SOFTWARE = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
#: Encoders of hardware, in the order in which they are tried: ``h264_nvenc``.
HARDWARE = ("nvenc", "videotoolbox", "qsv", "vaapi")
#: Where VAAPI finds the first graphics card.
_DEVICE = "/dev/dri/renderD128"


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder, as ffmpeg calls it, and a quality of ``broker.environment.video_profiles``."""

    encoder: str = SOFTWARE["h264"]
    quality: str = "standard"

    @property
    def hardware(self) -> bool:
        return self.encoder.rpartition("_")[2] in HARDWARE

    @property
    def cost(self) -> float:
        """Seconds of one processor core for a pixel, in those of the default."""
        return {"libx265": 2.5, "libsvtav1": 2.0}.get(self.encoder, 1.0)

    def options(self, max_rate: int, gop: int) -> dict[str, Any]:
        """ffmpeg's for a rendition of at most so many bits per second, with a key frame every ``gop`` frames."""
        rates = {"maxrate": int(max_rate * _PEAK), "bufsize": max_rate * _BUFFER, "g": gop}
        made: Callable[[str, int, int], dict[str, Any]] = _MADE[self.encoder.rpartition("_")[2]]
        tag = {"tag:v": "hvc1"} if self.encoder.partition("_")[0] in ("hevc", "libx265") else {}  # Apple's players
        return {"c:v": self.encoder, **tag, **made(self.quality, max_rate, gop), **rates}

    def prepared(self, picture: Stream) -> Stream:
        """The picture where the encoder finds it."""
        return picture.filter("format", "nv12").filter("hwupload") if self.encoder.endswith("_vaapi") else picture

    @property
    def devices(self) -> tuple[str, ...]:
        """Options that come before all inputs."""
        return ("-vaapi_device", _DEVICE) if self.encoder.endswith("_vaapi") else ()


def _x264(quality: str, _: int, __: int) -> dict[str, Any]:
    return {
        "preset": _SLOWER["libx264"] if quality == "high" else "veryfast",
        "profile:v": "high",
        "crf": _CRF["libx264"][quality],
        "bf": 3,
        "sc_threshold": 0,
        "threads": 1,
        "x264-params": "threads=1:lookahead-threads=1:log=0",
    }


def _x265(quality: str, _: int, gop: int) -> dict[str, Any]:
    return {
        "preset": _SLOWER["libx265"] if quality == "high" else "veryfast",
        "profile:v": "main",
        "crf": _CRF["libx265"][quality],
        "bf": 3,
        "threads": 1,
        "x265-params": f"pools=none:frame-threads=1:wpp=0:keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:info=0"
        ":log-level=error",
    }


def _svtav1(quality: str, _: int, __: int) -> dict[str, Any]:
    return {
        "preset": 7 if quality == "high" else 9,
        "crf": _CRF["libsvtav1"][quality],
        "svtav1-params": "lp=1:scd=0:irefresh-type=2",
    }


def _nvenc(quality: str, _: int, __: int) -> dict[str, Any]:
    return {"preset": "p5", "rc": "vbr", "cq": _CQ[quality], "b:v": 0, "bf": 0, "forced-idr": 1, "no-scenecut": 1}


def _by_rate(_: str, max_rate: int, __: int) -> dict[str, Any]:
    return {"b:v": int(max_rate * _MEAN), "bf": 0}


_MADE = {
    "libx264": _x264,
    "libx265": _x265,
    "libsvtav1": _svtav1,
    "nvenc": _nvenc,
    "videotoolbox": _by_rate,
    "qsv": _by_rate,
    "vaapi": lambda quality, max_rate, gop: {"rc_mode": "VBR", **_by_rate(quality, max_rate, gop)},
}
