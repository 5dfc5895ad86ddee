"""The one encoder of a worker child, and what becomes of tasks where it cannot be loaded: they are given back."""

import logging
import os
import time

from broker.errors import Postpone
from handlers.embedding import preflight
from handlers.embedding.models.embedder import Embedder, UnusableModel, open_embedder

log = logging.getLogger(__name__)

#: Seconds after which a task is tried again that found no model.
_PAUSE = 60.0


class _Loaded:
    def __init__(self) -> None:
        self._encoder: Embedder | None = None
        self._rest_until = 0.0

    @property
    def loaded(self) -> bool:
        """Whether the next call answers at once."""
        return self._encoder is not None

    def __call__(self) -> Embedder:
        """Loads it at the first call. Raises ``Postpone`` when that fails, which is not the task's fault.

        Tasks that come soon after a failure are not made to wait for another one.
        """
        if self._encoder is None:
            if time.monotonic() < self._rest_until:
                raise Postpone(_PAUSE)
            try:
                self._encoder = open_embedder(preflight.check_model(os.environ))
            except (ValueError, UnusableModel) as error:
                log.error("embedding tasks are given back until this is mended, and the worker restarted: %s", error)
                self._rest_until = time.monotonic() + _PAUSE
                raise Postpone(_PAUSE) from error
        return self._encoder


encoder = _Loaded()
