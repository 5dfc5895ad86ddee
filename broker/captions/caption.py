"""One caption rendition: what a media record says of it, and where its text lies."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, convert, structs

from broker.captions.cues import Cue, webvtt
from broker.captions.languages import shortest
from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.storage import Storage

#: Begins the names in a video's ``info`` of what is known of its captions.
NOTE = paths.CAPTION_NOTE
#: Captions of one video; a label's characters.
MAX_CAPTIONS, MAX_LABEL = 100, 100
#: A BCP 47 tag, as far as its form goes.
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,8}")
#: The tag of a language that nobody has told.
UNKNOWN = "und"
#: Letters of a region, as in en-US.
_REGION = 2


class Caption(Struct, frozen=True):
    """``source`` is ``upload``, ``embedded`` (a track of the uploaded file) or the plugin that heard it.

    ``seconds`` is when the last cue ends; ``created_at`` RFC 3339 UTC text, null where the time is the task's.
    """

    id: str
    language: str
    label: str
    source: str
    cues: int
    seconds: float
    created_at: str | None = None

    @property
    def note(self) -> str:
        """The name in ``info``."""
        return f"{NOTE}{self.id}"


def language_tag(named: str) -> str:
    """The tag of a language as some service or file names it (``en_us``, ``eng``), ``und`` for what is none."""
    language, *rest = named.replace("_", "-").split("-")
    tag = "-".join([language, *(part.upper() if len(part) == _REGION else part for part in rest)])
    return shortest(tag) if LANGUAGE.fullmatch(tag) else UNKNOWN


def captions_of(record: MediaRecord) -> list[Caption]:
    """Those of a video, in the order in which players list them."""
    return from_info(record.info)


def from_info(info: Mapping[str, Any]) -> list[Caption]:
    """The same, of what a record's ``info`` says."""
    found = [convert(value, Caption) for name, value in info.items() if name.startswith(NOTE)]
    return sorted(found, key=lambda each: (each.language, each.created_at or "", each.label, each.id))


def store(storage: Storage, tenant: str, media_id: str, caption_id: str, cues: Sequence[Cue], **about: str) -> Caption:
    """Keeps the text of cues, of which there is at least one. ``about`` are the caption's other members.

    The caption is there once the record has its ``note``. Raises ``Unavailable``.
    """
    storage.put(paths.caption(tenant, media_id, caption_id), io.BytesIO(webvtt(cues).encode()))
    return Caption(id=caption_id, cues=len(cues), seconds=max(each.end for each in cues) / 1000, **about)


def as_note(caption: Caption) -> dict[str, Any]:
    """What the record's ``info`` gets, by its name."""
    return {caption.note: structs.asdict(caption)}
