"""Strange times: clocks that jump, begin late or stand still, and rates that nobody shows."""

from tests.handlers.transcoding.odd.table import BOTH, H264, MPEG, PICTURES, SOUND, Odd, shifted
from tests.handlers.transcoding.sources import AAC, X264

_FIVE_HOURS, _EPOCH = "18000", "1700000000"
_HOLE = "one long hole"


def _rate(rate: str, seconds: str = "1") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=s=64x64:r={rate}:d={seconds}")


CLOCKS = {
    "sound jumps.mp4": Odd((*BOTH, *H264, *shifted("a", "0.5", _FIVE_HOURS)), sounds=1),
    "sound jumps.mkv": Odd((*BOTH, *H264, *shifted("a", "0.5", _FIVE_HOURS)), sounds=1),
    "sound elsewhere.ts": Odd((*BOTH, *MPEG, *shifted("a", "-9", _FIVE_HOURS)), sounds=1),
    "sound jumps a little.mkv": Odd((*BOTH, *H264, *shifted("a", "0.5", "4")), frames=125, sounds=1),
    "pictures jump.mkv": Odd((*BOTH, *H264, *shifted("v", "0.5", _FIVE_HOURS)), refused=_HOLE),
    "both jump.mp4": Odd(
        (*BOTH, *H264, *shifted("v", "0.5", _FIVE_HOURS), *shifted("a", "0.5", _FIVE_HOURS)), refused=_HOLE
    ),
    "both jump a little.mkv": Odd(
        (*BOTH, *H264, *shifted("v", "0.5", "4"), *shifted("a", "0.5", "4")), frames=125, sounds=1
    ),
    "no durations.wmv": Odd((*PICTURES, "-c:v", "wmv2", *shifted("v", "0.5", "4")), frames=125),
    "back.mkv": Odd((*BOTH, "-c:v", "mpeg4", *AAC, *shifted("v", "0.5", "-0.4")), frames=25, sounds=1),
    "since 1970.mkv": Odd((*BOTH, *H264, *shifted("v", "-9", _EPOCH), *shifted("a", "-9", _EPOCH)), sounds=1),
    "after ten hours.mkv": Odd((*BOTH, *H264, "-output_ts_offset", "36000"), sounds=1),
    "counter overflows.ts": Odd((*BOTH, *MPEG, "-output_ts_offset", "95443"), sounds=1),
    "late sound.mp4": Odd((*PICTURES, "-itsoffset", "2", *SOUND, *H264), frames=75, sounds=1),
    "late pictures.mp4": Odd(("-itsoffset", "2", *PICTURES, *SOUND, *H264), frames=75, sounds=1),
    "late pictures.mkv": Odd(("-itsoffset", "2", *PICTURES, *SOUND, *H264), frames=75, sounds=1),
    "days.mkv": Odd((*PICTURES, *X264, *shifted("v", "0.5", "99999")), refused="longer than 12 hours"),
    "one.mp4": Odd((*_rate("25", "0.04"), *X264), frames=1),
    "one at 1199.ts": Odd((*_rate("1199"), "-frames:v", "1", "-c:v", "mpeg4"), frames=1),
    "two at once.mkv": Odd((*_rate("25", "0.08"), "-c:v", "mpeg4", "-bsf:v", "setts=ts=0"), rate="50", frames=2),
    "a thousand.mkv": Odd((*_rate("1000", "0.1"), "-c:v", "mpeg4"), rate="1000/17", frames=6),
    "fast.mp4": Odd((*_rate("120000/1001"), *X264), rate="60000/1001", frames=60),
    "slow.mp4": Odd((*_rate("1/10", "30"), *X264), rate="6", frames=180),
    "uneven.mp4": Odd((*_rate("7.3", "2"), *X264), rate="73/10", frames=15),
    "film.mp4": Odd((*_rate("24000/1001"), *X264), rate="24000/1001", frames=24),
    "broken.avi": Odd((*PICTURES, *X264, "-bf", "2"), frames=26),
}
