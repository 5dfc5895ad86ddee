"""How well pictures are found: ``python -m scripts.bench.search_quality``.

Sixteen photographs that scikit-image and scikit-learn bring along, three queries each: plain, descriptive, indirect. A
small gallery makes searching easy, so the figures compare ways to embed with each other; they promise nothing.
"""

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.model import Encoder
from handlers.embedding.names import name_words
from handlers.embedding.picture import read_picture
from handlers.embedding.run import NAME_WEIGHT
from handlers.embedding.settings import EmbeddingSettings
from handlers.embedding.unit import unit

QUERIES = {
    "skimage/data/chelsea.png": ("a cat", "furry pet with whiskers", "a purring companion"),
    "skimage/data/coffee.png": ("a cup of coffee", "hot drink in a mug on a table", "something to wake up with"),
    "skimage/data/rocket.jpg": ("a rocket", "spacecraft leaving a launch pad", "journey to orbit"),
    "skimage/data/astronaut.png": ("an astronaut", "woman in an orange space suit", "someone who works in space"),
    "skimage/data/coins.png": ("coins", "old metal money on a dark ground", "ancient currency"),
    "skimage/data/horse.png": ("a horse", "silhouette of an animal one can ride", "it gallops"),
    "skimage/data/motorcycle_left.png": ("a motorcycle", "two-wheeled vehicle in a garage", "transport for a biker"),
    "skimage/data/page.png": ("a page of text", "printed letters on paper", "something to read"),
    "skimage/data/retina.jpg": ("a retina", "inside of an eye", "picture from an eye doctor"),
    "skimage/data/hubble_deep_field.jpg": ("galaxies", "many distant stars on black", "the universe"),
    "skimage/data/camera.png": ("a man with a camera", "photographer with a tripod in a park", "taking a picture"),
    "skimage/data/moon.png": ("the moon", "craters on a grey surface", "lunar landscape"),
    "skimage/data/brick.png": ("a brick wall", "rows of masonry", "building material"),
    "skimage/data/grass.png": ("grass", "green blades on the ground", "a lawn"),
    "sklearn/datasets/images/china.jpg": ("a temple in Asia", "chinese pagoda roof with trees", "palace of an emperor"),
    "sklearn/datasets/images/flower.jpg": ("a flower", "pink or orange petals in bloom", "a garden plant"),
}

Vectors = NDArray[np.float32]


def main() -> int:
    paths = [_path(name) for name in QUERIES]
    if None in paths:
        print("the photographs are missing: pip install scikit-image scikit-learn", file=sys.stderr)
        return 1
    encoder = Encoder(EmbeddingSettings.from_env(os.environ))
    pictures = [read_picture(path) for path in paths if path]
    encoder.pictures(pictures)  # fills the table of labels, which is kept
    started = time.process_time()
    shown = encoder.pictures(pictures)
    per_picture = (time.process_time() - started) / len(pictures)
    asked = encoder.queries([query for queries in QUERIES.values() for query in queries])
    named = encoder.texts([name_words(Path(name).name) for name in QUERIES])
    print(f"{encoder.name}: {len(pictures)} photographs, {len(asked)} queries, {1000 * per_picture:.0f} ms each")
    _report("what the picture shows", asked, shown)
    _report("words of the file name", asked, named)
    _report("both, as stored", asked, shown if encoder.sees else unit(shown + NAME_WEIGHT * named))
    return 0


def _path(name: str) -> Path | None:
    package, _, rest = name.partition("/")
    spec: Any = find_spec(package)
    return Path(spec.origin).parent / rest if spec else None


def _report(title: str, asked: Vectors, gallery: Vectors) -> None:
    scores = asked @ gallery.T
    right = np.repeat(np.arange(len(gallery)), len(asked) // len(gallery))
    own = scores[np.arange(len(asked)), right]
    ranks = 1 + (scores > own[:, None]).sum(axis=1)
    figures = f"recall@1 {np.mean(ranks == 1):.2f}  recall@5 {np.mean(ranks <= 5):.2f}  MRR {np.mean(1 / ranks):.2f}"
    print(f"  {title:24}{figures}")


if __name__ == "__main__":
    sys.exit(main())
