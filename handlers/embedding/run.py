"""The handler of EmbeddingGeneration: one media file to vectors in the store."""

from collections.abc import Mapping, Sequence
from random import uniform
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from broker.captions.searchable import SPOKEN
from broker.context import TaskContext
from broker.errors import PermanentError, Postpone
from broker.media.parts import NAME, SPEECH, Part
from broker.media.records import MediaRecord
from handlers.embedding import loaded
from handlers.embedding.loaded import encoder as _encoder
from handlers.embedding.models.embedder import Embedder
from handlers.embedding.models.recipe import NAME_WEIGHT
from handlers.embedding.names import name_words
from handlers.embedding.reading.contents import Contents, Cut, Item, read, read_speech
from handlers.embedding.reading.lettering import Pages
from handlers.embedding.reading.spoken import spoken
from handlers.embedding.stored import packed, unpacked
from handlers.embedding.unit import Vectors, unit

#: Tries to find a worker that makes what a task is for, and seconds between two of them, at random: not all tasks come
#: back at once.
_TRIES, _PAUSE = 60, (1.0, 4.0)
#: Frames that are more alike than this (cosine) are kept once.
_TWINS = 0.95
#: In the record: how many of the passages that were left out are the file's own, whatever is said of it later.
_OF_FILE = "passages_left_out_of_file"
#: Passages embedded between two signs of progress.
_STEP = 16


class Own(NamedTuple):
    """What a file itself has, without what is said of it."""

    vectors: list[Vectors]
    parts: list[Part]
    facts: dict[str, Any]
    left_out: int = 0
    cut: bool = False
    pages: Pages = Pages()
    #: Vectors, by their words, of what was said in it before.
    said: Mapping[str, Vectors] = {}


class Ready(NamedTuple):
    """What was done of a task beforehand, together with others."""

    record: MediaRecord
    contents: Contents
    #: Vectors of words that are in it.
    known: Mapping[str, Vectors]


def record_of(context: TaskContext) -> MediaRecord:
    """The record of the payload's media file."""
    kind = context.payload["entity_type"]
    record = context.media(context.payload["entity_id"])
    if record.kind != kind:
        raise PermanentError(f"This media file is of type {record.kind}, not {kind}.")
    return record


def wanted(context: TaskContext) -> bool:
    """Whether this worker makes what the task is for; one that is for another generation is left to others.

    The first of a worker child waits for its model, and says so: that may take half a minute.
    """
    if not loaded.encoder.loaded:
        context.progress(0, "loading the model")
    return bool(context.payload.get("generation", _encoder().name) == _encoder().name)


def _left_to_others(context: TaskContext) -> dict[str, Any]:
    """Has the task run again soon, maybe elsewhere, for as often as that takes no token; then it is given up."""
    if context.attempt < _TRIES:
        raise Postpone(uniform(*_PAUSE))
    return {"model": _encoder().name, "dimensions": _encoder().dimensions, "vectors": 0}


def contents_of(record: MediaRecord, context: TaskContext) -> Contents:
    """What of the file is embedded."""
    return read(record, context, _cut())


def embed(context: TaskContext, ready: Ready | None = None) -> dict[str, Any]:
    """Stores the vectors of ``payload``'s media file, replacing older ones. Raises ``PermanentError`` for bad files.

    A transcript or captions may come meanwhile, whose own task does the same: whoever has stored looks again, so that
    the last to store has all of them.
    """
    if not wanted(context):
        return _left_to_others(context)
    record = ready.record if ready else record_of(context)
    own, heard = _own(record, context, ready), None
    while spoken(record) != heard:
        heard = spoken(record)
        speech = read_speech(record, context, _cut())
        said, parts = _encode(speech.items, record, context, own.said)
        stored = _store(record, [*own.vectors, *said], [*own.parts, *parts], context)
        if record.kind in SPOKEN:
            record = context.media(record.id)
    contents = Contents([], own.facts, own.left_out, own.cut, own.pages)
    return told(context, record, contents, stored, speech.left_out)


def told(
    context: TaskContext, record: MediaRecord, contents: Contents, vectors: int, left_out: int = 0
) -> dict[str, Any]:
    """The answer of a run that has stored so many vectors; the record learns of it, too.

    ``left_out``: passages that are not among them of what is said in a file, whose own ``contents`` tell the others.
    """
    encoder = _encoder()
    index: dict[str, Any] = {"vectors": vectors}
    if left_out := contents.left_out + left_out:
        index["passages_left_out"] = left_out
    if contents.cut:
        index["cut_off"] = True
    if contents.pages.read:
        index["ocr_pages"] = contents.pages.read
    if contents.pages.left_out:
        index["ocr_pages_left_out"] = contents.pages.left_out
    noted = index | {_OF_FILE: contents.left_out} if contents.left_out else index
    context.attach(record.id, embedding_model=encoder.name, index=noted, **contents.facts)
    return {"model": encoder.name, "dimensions": encoder.dimensions, **index}


def _cut() -> Cut:
    return Cut(_encoder().sees, _encoder().passages)


def _own(record: MediaRecord, context: TaskContext, ready: Ready | None) -> Own:
    """From the file, or, where what is said of it is all that is asked for, what there is of it already."""
    if context.payload.get("speech_only"):
        model = _encoder().name
        stored = context.vectors.get(context.tenant, model, record.id)
        parts = context.vectors.parts(context.tenant, model, [record.id]).get(record.id, ())
        if stored and len(stored.parts) == len(parts):
            rows = unpacked(stored.parts).astype(np.float32)
            kept = [number for number, part in enumerate(parts) if part.matched != SPEECH]
            before = record.info.get("index") or {}
            return Own(
                [rows[number] for number in kept],
                [parts[number] for number in kept],
                {},
                # A record of an earlier release tells them from what was left out of speech where there was none.
                left_out=before.get(_OF_FILE, before.get("passages_left_out", 0) if len(kept) == len(parts) else 0),
                cut=bool(before.get("cut_off")),
                pages=Pages(before.get("ocr_pages", 0), before.get("ocr_pages_left_out", 0)),
                said={part.text: row for part, row in zip(parts, rows, strict=True) if part.matched == SPEECH},
            )
    contents = ready.contents if ready else contents_of(record, context)
    vectors, parts_read = _encode(contents.items, record, context, ready.known if ready else {})
    return Own(vectors, parts_read, contents.facts, contents.left_out, contents.cut, contents.pages)


def _store(record: MediaRecord, vectors: list[Vectors], parts: list[Part], context: TaskContext) -> int:
    """How many. Sound of which nothing is known is found by its name as it is written, and is like nothing."""
    if not vectors:
        vectors, parts = [np.zeros(_encoder().dimensions, np.float32)], [Part(NAME, record.filename)]
    context.vectors.put(context.tenant, _encoder().name, record.kind, record.id, packed(vectors), parts)
    return len(vectors)


def _encode(
    items: Sequence[Item], record: MediaRecord, context: TaskContext, known: Mapping[str, Vectors] = {}
) -> tuple[list[Vectors], list[Part]]:
    """A vector of each item, but for pictures that are like one before them; and what each stands for."""
    seen = [item for item in items if item.picture is not None]
    words = [item for item in items if item.picture is None]
    vectors, parts = _pictures(seen, record.filename, context)
    for start in range(0, len(words), _STEP):
        some = words[start : start + _STEP]
        vectors.extend(_texts([item.words for item in some], known))
        context.progress(100 * min(1.0, (start + _STEP) / len(words)), "embedding passages")
    return vectors, parts + [item.part for item in words]


def _texts(words: Sequence[str], known: Mapping[str, Vectors]) -> list[Vectors]:
    missing = [each for each in words if each not in known]
    made = dict(zip(missing, _encoder().texts(missing), strict=True)) if missing else {}
    return [known[each] if each in known else made[each] for each in words]


def _pictures(items: Sequence[Item], filename: str, context: TaskContext) -> tuple[list[Vectors], list[Part]]:
    """A vector per scene: a search finds the best, which finds far more than the mean of all."""
    kept: list[Vectors] = []
    parts: list[Part] = []
    for number, item in enumerate(items):
        assert item.picture
        (vector,), (labels,) = _encoder().look([item.picture])
        if is_new(vector, kept):
            kept.append(vector)
            parts.append(structs.replace(item.part, text=labels))
        context.progress(100 * (number + 1) / len(items), "embedding pictures")
    return (list(named(_encoder(), np.stack(kept), filename)) if kept else []), parts


def is_new(vector: Vectors, kept: Sequence[Vectors]) -> bool:
    """Whether a frame shows what none before it does."""
    return not kept or bool(np.max(np.stack(kept) @ vector) < _TWINS)


def named(encoder: Embedder, pictures: Vectors, filename: str) -> Vectors:
    """Picture vectors drawn towards the words of the file's name.

    Not for models that see: their texts lie closer to each other than to any picture, so names would decide alone.
    """
    words = name_words(filename)
    if not words or encoder.sees:
        return pictures
    return unit(pictures + NAME_WEIGHT * encoder.texts([words]))
