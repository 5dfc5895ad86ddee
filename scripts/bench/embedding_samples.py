"""What the benchmark of embedding embeds: made texts and pictures, the same in every run."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

_WORDS = ["harbour", "night", "ships", "home", "people", "wait", "rain", "news", "spring", "where", "come", "and"]
#: Pictures that differ; more would only be more labels to learn.
_PICTURES = 4
_PLAIN, _JPEG = "text/plain", "image/jpeg"


class Sample(NamedTuple):
    """A file to embed."""

    kind: str
    content_type: str
    filename: str
    data: bytes


def samples(count: int) -> dict[str, list[Sample]]:
    """So many short texts and fewer of what takes longer, by what they are."""
    short, mixed, few = _texts(count, 6, 7), _texts(count, 6, 60), max(4, count // 4)
    small, large = _pictures(1200, 900), _pictures(4000, 3000)
    names = [f"{first} and {second}.jpg" for first in _WORDS for second in _WORDS]
    of_each = [*short[:few], *mixed[:few], *_texts(max(1, few // 6), 900, 1500), *_jpegs(small, names[: few // 2])]
    return {
        "short texts, 6 or 7 words": short,
        "texts of 6 to 60 words": mixed,
        "pictures of 1 megapixel": _jpegs(small, [f"DSC_{number:04}.jpg" for number in range(few)]),
        "the same with telling names": _jpegs(small, names[:few]),
        "pictures of 12 megapixels": _jpegs(large, [f"DSC_{number:04}.jpg" for number in range(max(4, few // 2))]),
        "a mix with long texts": [of_each[at * 7919 % len(of_each)] for at in range(len(of_each))],
    }


def _texts(count: int, least: int, most: int) -> list[Sample]:
    """All different."""
    lengths = [least + number * 7 % (most - least + 1) for number in range(count)]
    texts = [f"{number} " + " ".join((_WORDS * 200)[number % 17 :][:length]) for number, length in enumerate(lengths)]
    return [Sample("document", _PLAIN, "d.txt", text.encode()) for text in texts]


def _pictures(width: int, height: int) -> list[bytes]:
    """JPEGs of soft shapes with some grain, about as large as photographs are."""
    found = []
    for number in range(_PICTURES):
        random = np.random.default_rng(number)
        shapes = Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).resize((width, height))
        grain = random.normal(0, 6, (height, width, 1))
        picture = Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8))
        picture.save(kept := io.BytesIO(), "JPEG", quality=85)
        found.append(kept.getvalue())
    return found


def _jpegs(pictures: list[bytes], names: list[str]) -> list[Sample]:
    return [Sample("image", _JPEG, name, pictures[at % len(pictures)]) for at, name in enumerate(names)]
