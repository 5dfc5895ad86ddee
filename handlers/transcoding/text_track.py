"""What is known of a subtitle track that holds text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextTrack:
    """``track`` is the stream's index in the file; ``language`` a BCP 47 tag; ``label`` what the file calls it."""

    track: int
    language: str
    label: str
