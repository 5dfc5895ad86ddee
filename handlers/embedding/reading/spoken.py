"""Where it is written what is said in a recording: in transcripts that plugins have kept, and in captions."""

from collections.abc import Iterator
from typing import NamedTuple

from broker.captions.caption import captions_of
from broker.captions.searchable import SPOKEN
from broker.media import paths
from broker.media.records import MediaRecord
from broker.plugin import NOTE, TRANSCRIPT, is_transcript

#: Texts of one recording that are read, transcripts first, then captions that people have added.
_MOST = 5
_UPLOADED = "upload"
_TYPES = {"json": "application/json", "vtt": "text/vtt"}


class Spoken(NamedTuple):
    """One text: what it is called in a log, its place in the storage, and its content type."""

    name: str
    key: str
    content_type: str


def spoken(record: MediaRecord) -> list[Spoken]:
    """All that are read. Of what a plugin has heard, the transcript, and its captions where it has kept none."""
    if record.kind not in SPOKEN:
        return []
    heard = dict(_transcripts(record))
    captions = [each for each in captions_of(record) if each.source not in heard]
    return [
        *heard.values(),
        *(
            Spoken(
                f"the text of the captions {each.label}",
                paths.caption(record.tenant, record.id, each.id),
                _TYPES["vtt"],
            )
            for each in sorted(captions, key=lambda each: each.source != _UPLOADED)
        ),
    ][:_MOST]


def _transcripts(record: MediaRecord) -> Iterator[tuple[str, Spoken]]:
    """By the plugin's name, one of each."""
    for name, note in sorted(record.info.items()):
        if name.startswith(NOTE):
            plugin = name.removeprefix(NOTE)
            for kept in sorted(filter(is_transcript, (each["name"] for each in note["files"])), key=_exactness)[:1]:
                key = paths.plugin_file(record.tenant, record.id, plugin, note["task_id"], kept)
                yield plugin, Spoken(f"the transcript of plugin {plugin}", key, _TYPES[kept.rpartition(".")[2]])


def _exactness(name: str) -> tuple[bool, str]:
    return name != TRANSCRIPT, name
