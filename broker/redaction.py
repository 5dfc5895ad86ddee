"""Keeps secrets out of what a run leaves behind, whatever a service echoes or a library puts into errors."""

from collections.abc import Iterable
from traceback import format_exception
from typing import Any

from broker.errors import TaskBrokerError, TransientError

SHOWN = "[secret]"
#: A shorter text is no secret worth the name, and would be found in everything.
_SHORTEST = 4
#: A part of a secret such as "Bearer <token>".
_SHORTEST_WORD = 8


class Redaction:
    """What must not be shown."""

    def __init__(self, secrets: Iterable[Any]) -> None:
        whole = {each for each in secrets if isinstance(each, str) and len(each) >= _SHORTEST}
        words = {word for each in whole for word in each.split() if len(word) >= _SHORTEST_WORD}
        self._secrets = sorted(whole | words, key=len)

    def and_of(self, secrets: Iterable[Any]) -> "Redaction":
        """What must not be shown either way."""
        return Redaction([*self._secrets, *secrets])

    def redact(self, value: Any) -> Any:
        """A JSON value with every secret in its texts replaced."""
        if isinstance(value, str):
            for secret in reversed(self._secrets):
                value = value.replace(secret, SHOWN)
            return value
        if isinstance(value, dict):
            return {self.redact(key): self.redact(each) for key, each in value.items()}
        return [self.redact(each) for each in value] if isinstance(value, list | tuple) else value

    def redact_error(self, error: Exception) -> Exception:
        """The error itself if neither it nor its cause shows a secret, else one in its place that does not."""
        shown = "".join(format_exception(error))
        if self.redact(shown) == shown:
            return error
        if isinstance(error, TaskBrokerError):
            return type(error)(self.redact(error.message), **error.extra)
        return TransientError(self.redact(f"{type(error).__name__}: {error}"))
