"""What embeds queries: the model of this process, and those of other generations as far as they are on this machine."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.models import recipe
from handlers.embedding.models.relevance import Calibration
from handlers.embedding.models.sense import SENSELESS, makes_sense

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]
#: Query texts whose vectors are remembered: people page through and repeat.
_REMEMBERED = 1000
#: Seconds after which a model that was not here is looked for again, and that a process which starts waits for one.
_AGAIN, _PATIENCE = 60.0, 60.0


class Judge(NamedTuple):
    """Tells what is relevant among what one model finds."""

    calibration: Calibration
    #: Into how many pieces the model cuts a word.
    pieces: Callable[[str], int] = lambda word: 1

    def doubt(self, words: str, query: Vectors) -> float:
        """Log odds that are taken from what is found by ``query``, the vector of ``words``, alone."""
        nonsense = self.calibration.nonsense
        taken_apart = 0.0 if makes_sense(words, self.pieces) else SENSELESS
        return taken_apart + (nonsense.doubt(query) if nonsense else 0.0)


class QueryEncoder:
    """Embeds queries in the space of one model's texts."""

    def __init__(self, name: str, embed: Callable[[str], Vectors], judge: Judge | None = None) -> None:
        """``embed`` gives a query's vector, (dimensions,) and L2-normalised."""
        #: Generations with the same name have vectors in the same space.
        self.name = name
        self.embed = lru_cache(_REMEMBERED)(embed)
        self.judge = judge


#: The encoder of a generation's model, or ``None`` where it is not on this machine.
OpenOther = Callable[[str], QueryEncoder | None]


class QueryEncoders:
    """Models of other generations are loaded in a thread when they are first asked for."""

    def __init__(self, own: QueryEncoder, open_other: OpenOther, clock: Callable[[], float] = time.monotonic) -> None:
        self.own = own
        self._open_other = open_other
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoders")
        #: By name, with when they were asked for.
        self._others: dict[str, tuple[float, Future[QueryEncoder | None]]] = {}

    def of(self, generation: str) -> QueryEncoder | None:
        """What embeds queries for a generation; ``None`` where nothing here does, or not yet."""
        name = recipe.encoder_of(generation)
        if name == self.own.name:
            return self.own
        asked = self._asked(name, generation)
        return asked.result() if asked.done() else None

    def _asked(self, name: str, generation: str) -> Future[QueryEncoder | None]:
        if name in self._others:
            since, asked = self._others[name]
            if not asked.done() or asked.result() is not None or self._clock() - since < _AGAIN:
                return asked
        asked = self._thread.submit(self._open, generation)
        self._others[name] = self._clock(), asked
        return asked

    def _open(self, generation: str) -> QueryEncoder | None:
        try:
            opened = self._open_other(generation)
        except Exception:
            log.exception("the model of generation %s cannot be loaded", generation)
            return None
        log.info("queries of generation %s %s", generation, "can be embedded" if opened else "cannot be embedded here")
        return opened

    def prepare(self, generations: Iterable[str]) -> None:
        """Loads what these need now, which may take seconds, so that no search is answered without it."""
        for generation in generations:
            name = recipe.encoder_of(generation)
            if name != self.own.name:
                self._asked(name, generation).result(_PATIENCE)
