"""A server that does not answer: told when it begins and when it is over, not at every try in between."""

import logging
import time


class Absence:
    """Whether Redis was away when it was last asked, as one user of it knows."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        return self._since is not None

    def note_error(self, error: Exception, consequence: str = "") -> None:
        """It has not answered; ``consequence`` is what that means here."""
        if self._since is None:
            self._since = time.monotonic()
            self._log.warning("Redis does not answer%s: %s", consequence and f", {consequence}", error)

    def note_answer(self) -> None:
        """It has answered."""
        if self._since is not None:
            self._log.warning("Redis answers again, after %.1f s", time.monotonic() - self._since)
            self._since = None
