"""What plugins keep of speech as ``transcript.json``: words or segments with their times, in milliseconds."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from broker.errors import PermanentError
from handlers.embedding.reading.documents.section import Section
from handlers.embedding.reading.documents.subtitles import Said, stretches

#: Bytes of a transcript: a day of speech with every word's times has fewer.
_MOST_BYTES = 64 * 2**20


class _Timed(msgspec.Struct):
    text: str
    start: float
    end: float


class _Transcript(msgspec.Struct):
    """Everything else that is in it does not matter here."""

    text: str | None = None
    words: list[_Timed] | None = None
    segments: list[_Timed] | None = None


def read_transcript(path: Path) -> Iterator[Section]:
    """Raises ``PermanentError`` for what is none."""
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise PermanentError("This transcript is too large to be read.")
    try:
        transcript = msgspec.json.decode(data, type=_Transcript)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PermanentError(f"This file is no transcript: {error}") from error
    said = [
        Said(each.text, each.start / 1000, each.end / 1000) for each in transcript.words or transcript.segments or ()
    ]
    if said:
        yield from stretches(said)
    elif transcript.text:
        yield Section(transcript.text)
