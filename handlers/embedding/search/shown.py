"""Pictures as queries: embedded by the whole model, in a thread of their own, so that no words wait for one."""

import importlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broker.errors import NotFound, PermanentError, TransientError, Unavailable, UnsupportedMedia
from handlers.embedding.models.embedder import Embedder, open_embedder
from handlers.embedding.models.settings import EmbeddingSettings

log = logging.getLogger(__name__)

#: Seconds that decoding one may take.
_SECONDS = 10.0
#: Pictures that wait or were answered lately: who asks with more gets an error that says when to come again.
_MOST = 16

#: A stored file as a path on this machine.
LocalFile = Callable[[str], AbstractContextManager[Path]]


class ShownPictures:
    """The model is loaded with the first picture, which takes seconds and some hundred megabytes."""

    def __init__(self, settings: EmbeddingSettings, local_file: LocalFile) -> None:
        self._settings, self._local_file = settings, local_file
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
        self._asked: dict[str, Future[NDArray[np.float32]]] = {}
        self._encoder: Embedder | None = None

    def vector(self, key: str) -> NDArray[np.float32] | None:
        """That of the picture in storage under ``key``; ``None`` as long as it is not there: ask again.

        Raises ``UnsupportedMedia`` for what is no picture, and where pictures cannot be looked for at all;
        ``Unavailable`` when there are too many.
        """
        if key not in self._asked:
            while len(self._asked) >= _MOST and next(iter(self._asked.values())).done():
                del self._asked[next(iter(self._asked))]
            if len(self._asked) >= _MOST:
                raise Unavailable("Too many pictures are being looked for; try again shortly.", retry_after=2)
            self._asked[key] = self._thread.submit(self._embed, key)
        asked = self._asked[key]
        return asked.result() if asked.done() else None

    def _embed(self, key: str) -> NDArray[np.float32]:
        if self._encoder is None:
            self._encoder = self._load()
        decoded = importlib.import_module("handlers.embedding.reading.decoded")
        try:
            with self._local_file(key) as path:
                picture = decoded.read_picture(path, _SECONDS)
        except PermanentError as error:
            raise UnsupportedMedia(error.message) from error
        except (NotFound, TransientError) as error:
            raise Unavailable("The picture cannot be read now; try again shortly.", retry_after=2) from error
        vector: NDArray[np.float32] = self._encoder.pictures([picture])[0]
        return vector

    def _load(self) -> Embedder:
        try:
            return open_embedder(self._settings)
        except ModuleNotFoundError as error:
            told = f"Pictures cannot be looked for here: {error.name} is not installed where search runs."
            raise UnsupportedMedia(told) from error
        except Exception as error:
            log.exception("the model that embeds pictures cannot be loaded")
            raise Unavailable("Pictures cannot be looked for now.", retry_after=60) from error
