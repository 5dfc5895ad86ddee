"""Guards that each strange video is planned as it should be, or refused in one line that says what is wrong.

The suite makes and looks at every file of the corpus and transcodes a few of them; ``make faults`` transcodes all.
"""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from broker.errors import PermanentError
from handlers.transcoding.plan import plan
from handlers.transcoding.probe import probe, recognise
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.odd.clocks import CLOCKS
from tests.handlers.transcoding.odd.containers import CONTAINERS
from tests.handlers.transcoding.odd.pictures import PICTURES_AND_SOUND
from tests.handlers.transcoding.validator import validate

ODD = CONTAINERS | CLOCKS | PICTURES_AND_SOUND
#: Every so many is transcoded in the suite.
_SAMPLE = 20


def made(name: str, make: Make, folder: Path) -> Path:
    """The file of a row."""
    odd = ODD[name]
    path = folder / name
    path.write_bytes(odd.change(make(name, *odd.made).read_bytes()))
    return path


def told(expected: tuple[str, ...], warnings: list[str]) -> bool:
    return len(expected) == len(warnings) and all(map(str.__contains__, warnings, expected))


@pytest.mark.parametrize("name", ODD)
def test_it_is_understood(name: str, make: Make, tmp_path: Path) -> None:
    odd = ODD[name]
    path = made(name, make, tmp_path)
    context = FakeContext(tmp_path, path)
    if odd.refused:
        with pytest.raises(PermanentError, match=re.escape(odd.refused)) as caught:
            plan(probe(context, path, recognise(path)))
        assert "\n" not in caught.value.message
        return
    source = probe(context, path, recognise(path))
    planned = plan(source)
    first = planned.rungs[0]
    assert ((first.width, first.height), len(planned.rungs)) == (odd.size, odd.rungs)
    assert (planned.rate, planned.frames) == (Fraction(odd.rate), pytest.approx(odd.frames, abs=1))
    assert len(source.sound) == odd.sounds
    assert told(odd.warnings, list(source.warnings))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if number % _SAMPLE == 0 else [pytest.mark.faults])
        for number, name in enumerate(name for name, odd in ODD.items() if not odd.refused)
    ],
)
def test_it_is_published_as_it_was_planned(name: str, make: Make, tmp_path: Path) -> None:
    odd = ODD[name]
    context = FakeContext(tmp_path, made(name, make, tmp_path))
    transcode(context)
    ladder = validate(context.hls)
    assert (len(ladder.variants), ladder.variants[0].size) == (odd.rungs, odd.size)
    assert ladder.variants[0].video.frames == pytest.approx(odd.frames, abs=1)
    assert (ladder.audio is not None) == bool(odd.sounds)


def test_the_corpus_is_large() -> None:
    assert len(ODD) >= 60
