"""The handler of EmbeddingGeneration: one media file to vectors in the store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.context import TaskContext
from broker.errors import PermanentError
from broker.media.records import MediaRecord
from handlers.embedding.decoded import read_frames, read_picture
from handlers.embedding.loaded import encoder as _encoder
from handlers.embedding.names import name_words
from handlers.embedding.text import read_text
from handlers.embedding.unit import unit

Vectors = NDArray[np.float32]

#: How much the words of its name count beside what a picture shows. Measured on photographs with telling names, a half
#: finds the most; names that say nothing are left out altogether.
NAME_WEIGHT = 0.5
#: Frames that are more alike than this (cosine) are kept once.
_TWINS = 0.95
#: Passages embedded between two signs of progress.
_STEP = 16


def embed(context: TaskContext) -> dict[str, Any]:
    """Stores the vectors of ``payload``'s media file, replacing older ones. Raises ``PermanentError`` for bad files."""
    kind = context.payload["entity_type"]
    record = context.media(context.payload["entity_id"])
    if record.kind != kind:
        raise PermanentError(f"This media file is of type {record.kind}, not {kind}.")
    read = _reader(record)
    with context.storage.local_file(record.source_key) as path:
        vectors = read(path, record.filename, context)
    parts = [row.tobytes() for row in vectors.astype("<f2")]
    encoder = _encoder()
    context.vectors.put(context.tenant, encoder.name, kind, record.id, parts)
    context.attach(record.id, embedding_model=encoder.name)
    return {"model": encoder.name, "dimensions": encoder.dimensions, "vectors": len(parts)}


def _reader(record: MediaRecord) -> Callable[[Path, str, TaskContext], Vectors]:
    if record.kind == "image":
        return _embed_picture
    if record.kind == "video":
        return _embed_video
    if record.content_type == "text/plain":
        return _embed_text
    raise PermanentError(f"{record.content_type} is not supported yet; images, videos and plain text are.")


def _embed_picture(path: Path, filename: str, context: TaskContext) -> Vectors:
    return _named(_encoder().pictures([read_picture(path, context.seconds_left())]), filename)


def _embed_video(path: Path, filename: str, context: TaskContext) -> Vectors:
    """One vector per scene: a search finds the best, which finds far more than the mean of all."""
    context.progress(0, "choosing frames")
    frames = read_frames(path, context.seconds_left())
    kept: list[NDArray[np.float32]] = []
    for number, frame in enumerate(frames):
        vector = _encoder().pictures([frame])[0]
        if not kept or np.max(np.stack(kept) @ vector) < _TWINS:
            kept.append(vector)
        context.progress(100 * (number + 1) / len(frames), "embedding frames")
    return _named(np.stack(kept), filename)


def _embed_text(path: Path, filename: str, context: TaskContext) -> Vectors:
    """One vector per passage, and one for the words of the name, which serve as a title."""
    texts = _encoder().passages(read_text(path)) + list(filter(None, [name_words(filename)]))
    vectors = []
    for start in range(0, len(texts), _STEP):
        vectors.append(_encoder().texts(texts[start : start + _STEP]))
        context.progress(100 * min(1.0, (start + _STEP) / len(texts)), "embedding passages")
    return np.concatenate(vectors)


def _named(pictures: Vectors, filename: str) -> Vectors:
    """Picture vectors drawn towards the words of the file's name.

    Not for models that see: their texts lie closer to each other than to any picture, so names would decide alone.
    """
    words = name_words(filename)
    if not words or _encoder().sees:
        return pictures
    return unit(pictures + NAME_WEIGHT * _encoder().texts([words]))
