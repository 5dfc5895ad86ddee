"""Which chores fail. The log hears of it once, and once more when they work again."""

import logging
from typing import NamedTuple

from broker.clock import Clock, to_rfc3339

log = logging.getLogger(__name__)


class _Failure(NamedTuple):
    error: str
    since: str


class Health:
    """What the loop notes after every tick."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._failures: dict[str, _Failure] = {}

    def note_success(self, chore: str) -> None:
        """The chore has done its work."""
        if failure := self._failures.pop(chore, None):
            log.warning("%s works again; it had failed since %s", chore, failure.since)

    def note_failure(self, chore: str, error: Exception) -> None:
        """The chore has raised this, and will be tried again."""
        known = self._failures.get(chore)
        text = f"{type(error).__name__}: {error}"
        if known is None or known.error != text:
            log.warning("%s failed and is tried again every second: %s", chore, text)
            log.debug("details", exc_info=error)
        since = known.since if known else to_rfc3339(self._clock.now_us())
        self._failures[chore] = _Failure(text, since)

    def failing(self) -> dict[str, str]:
        """Chore -> the error and since when, of those whose last try failed."""
        return {chore: f"{failure.error} (since {failure.since})" for chore, failure in self._failures.items()}
