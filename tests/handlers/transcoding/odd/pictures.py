"""Strange pictures: codecs, pixel formats, sizes and shapes; and the sound beside ordinary ones."""

from tests.handlers.transcoding.odd.table import BOTH, PICTURES, Odd
from tests.handlers.transcoding.sources import X264


def _of(size: str, *codec: str, more: str = "", rate: str = "25", seconds: str = "0.2") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}{more}", *codec)


def _all(inputs: int) -> tuple[str, ...]:
    return tuple(part for number in range(inputs) for part in ("-map", str(number)))


def _heard(filters: str, *codec: str) -> tuple[str, ...]:
    return (*PICTURES, "-f", "lavfi", "-i", f"anoisesrc=a=0.1:d=1{filters}", *X264, *codec)


_FFV1, _JPEG = ("-c:v", "ffv1"), ("-c:v", "mjpeg", "-strict", "-1")
_FEW = {"frames": 5}
PICTURES_AND_SOUND = {
    "tiny.mkv": Odd(_of("2x2", *_FFV1), size=(16, 16), **_FEW),
    "odd.mkv": Odd(_of("65x49", *_FFV1), size=(64, 48), **_FEW),
    "ribbon.mov": Odd(_of("4000x16", *_JPEG), size=(4000, 16), **_FEW),
    "tower.mov": Odd(_of("16x4000", *_JPEG), size=(16, 4000), **_FEW),
    "anamorphic.mp4": Odd(_of("64x64", *X264, more=",setsar=3/2"), size=(96, 64), **_FEW),
    "absurd shape.mp4": Odd(_of("64x64", *X264, more=",setsar=1000/1"), **_FEW),
    "portrait.mp4": Odd(_of("360x640", *X264), size=(360, 640), **_FEW),
    "two rungs.mp4": Odd(_of("854x480", *X264), size=(640, 360), rungs=2, **_FEW),
    "grey.mkv": Odd(_of("64x64", *_FFV1, more=",format=gray"), **_FEW),
    "deep rgb.mkv": Odd(_of("64x64", *_FFV1, more=",format=rgb48le"), **_FEW),
    "transparent.webm": Odd(
        _of("64x64", "-c:v", "libvpx", "-auto-alt-ref", "0", "-deadline", "realtime", more=",format=yuva420p"), **_FEW
    ),
    "transparent.mov": Odd(_of("64x64", "-c:v", "prores_ks", more=",format=yuva444p10le"), **_FEW),
    "palette.mov": Odd(_of("64x64", "-c:v", "qtrle", more=",format=pal8"), **_FEW),
    "full range.mov": Odd(_of("64x64", *_JPEG, more=",format=yuvj422p"), **_FEW),
    "lossless.avi": Odd(_of("64x64", "-c:v", "huffyuv"), **_FEW),
    "raw.avi": Odd(_of("64x64", "-c:v", "rawvideo", more=",format=bgr24"), **_FEW),
    "cinepak.mov": Odd(_of("64x64", "-c:v", "cinepak"), **_FEW),
    "jpeg2000.mov": Odd(_of("64x64", "-c:v", "jpeg2000"), **_FEW),
    "prores.mov": Odd(_of("64x64", "-c:v", "prores"), **_FEW),
    "screen.flv": Odd(_of("64x64", "-c:v", "flashsv"), frames=6),
    "old.mpg": Odd(_of("64x64", "-c:v", "mpeg1video"), **_FEW),
    "ms.wmv": Odd(_of("64x64", "-c:v", "msmpeg4"), **_FEW),
    "vp9.webm": Odd(_of("64x64", "-c:v", "libvpx-vp9", "-deadline", "realtime", more=",format=yuv444p"), **_FEW),
    "av1.webm": Odd(_of("64x64", "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"), **_FEW),
    "bottom field first.mpg": Odd(
        _of("64x64", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", more=",setfield=bff"), rate="50", frames=10
    ),
    "dv.avi": Odd(
        (*PICTURES, "-t", "0.08", "-c:v", "dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p"),
        size=(360, 360),
        rungs=2,
        rate="50",
        frames=4,
    ),
    "surround.mkv": Odd(_heard(",aformat=channel_layouts=mono,pan=7.1|c0=c0|c7=c0", "-c:a", "flac"), sounds=1),
    "sixteen channels.mov": Odd(
        _heard(",aformat=channel_layouts=mono,pan=16c|c0=c0|c9=c0", "-c:a", "pcm_s16le"), sounds=1
    ),
    "telephone.mov": Odd(_heard(":r=8000", "-c:a", "pcm_u8"), sounds=1),
    "studio.mov": Odd(_heard(":r=192000", "-c:a", "pcm_s24le"), sounds=1),
    "no rate.mov": Odd(_heard("", "-ar", "3000", "-c:a", "pcm_s16be"), sounds=1),
    "dolby.ts": Odd(_heard("", "-c:a", "eac3"), sounds=1),
    "dts.mkv": Odd(_heard("", "-c:a", "dca", "-strict", "-2"), sounds=1),
    "many sounds.mkv": Odd(
        (
            *BOTH,
            *(part for _ in range(70) for part in ("-map", "1")),
            "-map",
            "0",
            *X264,
            "-c:a",
            "pcm_s16le",
            "-ar",
            "8000",
        ),
        sounds=70,
    ),
    "picture beside a film.mkv": Odd(
        (*_of("128x128"), *_of("64x64"), *_of("256x256", seconds="0.04"), *_all(3), *_FFV1, "-disposition", "0"),
        size=(128, 128),
        frames=5,
        warnings=("2 further video tracks are left out",),
    ),
}
