"""Guards that no damage to a file does harm: it becomes a valid ladder, or is refused for good in one line.

Time, memory and disk are bounded, nothing stays behind, and what is refused is not published.
"""

import random
import resource
import time
from pathlib import Path

import pytest

from broker.errors import PermanentError
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import TENANT, FakeContext
from tests.handlers.transcoding.mutation import mutant
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.validator import validate
from tests.scale import examples

pytestmark = pytest.mark.scales

_MPEG = ("-c:v", "mpeg2video", "-c:a", "mp2")
KINDS = {
    "mp4": (*X264, *AAC, "-movflags", "+faststart"),
    "mov": (*X264, *AAC),
    "3gp": (*X264, *AAC, "-g", "4", "-movflags", "+frag_keyframe+empty_moov"),
    "mkv": (*X264, *AAC),
    "webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "avi": ("-c:v", "mpeg4", "-c:a", "mp2"),
    "wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "flv": (*X264, *AAC),
    "ts": _MPEG,
    "mpg": _MPEG,
    "ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
}
_EACH = 1
_SECONDS, _MEMORY_KIB, _DISK = 60.0, 2**20, 64 * 2**20


def whole(kind: str, make: Make) -> bytes:
    return make(f"mutated.{kind}", *picture("64x64", seconds=0.4), *sound(0.4), *KINDS[kind]).read_bytes()


def transcoded(upload: Path, folder: Path) -> str:
    """What is said of a file: nothing when it was published."""
    folder.mkdir()
    context = FakeContext(folder, upload)
    try:
        transcode(context)
    except PermanentError as error:
        assert error.message and "\n" not in error.message and str(folder) not in error.message
        assert list(context.storage.keys(f"{TENANT}/")) == [context.record.source_key]
        said = error.message
    else:
        validate(context.hls)
        said = ""
    assert context.running == []
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < _DISK
    return said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(3600)
def test_damage_does_no_harm(kind: str, make: Make, tmp_path: Path) -> None:
    data, others = whole(kind, make), sorted(KINDS)
    for number in range(examples(_EACH)):
        dice = random.Random(f"{kind} {number}")
        upload = tmp_path / f"{number}.{kind}"
        upload.write_bytes(mutant(data, whole(dice.choice(others), make), dice))
        # The most that any child has ever needed: those of other tests are no mutant's doing.
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, time.monotonic()
        said = transcoded(upload, tmp_path / str(number))
        took, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert (took < _SECONDS, used <= max(before, _MEMORY_KIB)) == (True, True), (
            f"{kind} {number}: {took:.1f} s, {used} KiB {said}"
        )
