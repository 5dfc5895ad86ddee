"""The encoder of media by itself: no queue, no decoder, no store. One request a line, one answer a line, both JSON.

python -m scripts.bench.bare_encoder
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from handlers.embedding.models.embedder import Embedder, open_embedder
from handlers.embedding.models.settings import EmbeddingSettings
from handlers.embedding.names import name_words
from handlers.embedding.reading.picture import read_picture

#: Texts of a batch.
_SIZES = (64, 32, 16, 8, 4, 1)


def main() -> None:
    encoder = open_embedder(EmbeddingSettings.from_env(dict(os.environ)))
    for line in sys.stdin:
        asked = json.loads(line)
        found = _texts(encoder, asked["texts"]) if "texts" in asked else _pictures(encoder, asked["pictures"])
        print(json.dumps(found), flush=True)


def _texts(encoder: Embedder, texts: Sequence[str]) -> dict[str, float]:
    """Milliseconds of processor time of a text, by the size of a batch of texts sorted by length."""
    texts = sorted(texts, key=len)

    def batches(size: int) -> Callable[[], Any]:
        return lambda: [encoder.texts(texts[at : at + size]) for at in range(0, len(texts), size)]

    return {str(size): _timed(batches(size), len(texts)) for size in _SIZES}


def _pictures(encoder: Embedder, named: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Of pictures (path, name), decoded beforehand, and with that; with the words of their names."""
    decoded = [read_picture(Path(path)) for path, _ in named]
    words = [name_words(name) for _, name in named]

    def look(number: int, picture: Any) -> None:
        encoder.look([picture])
        if words[number]:
            encoder.texts([words[number]])

    def look_at_all() -> None:
        for number, picture in enumerate(decoded):
            look(number, picture)

    def decode_and_look() -> None:
        for number, (path, _) in enumerate(named):
            look(number, read_picture(Path(path)))

    look(0, decoded[0])
    return {"look": _timed(look_at_all, len(named)), "decode and look": _timed(decode_and_look, len(named))}


def _timed(call: Callable[[], Any], count: int) -> float:
    began = time.process_time()
    call()
    return (time.process_time() - began) / count * 1000


if __name__ == "__main__":
    main()
