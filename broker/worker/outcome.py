"""How a run ended, read from what its handler answered or raised; no answer and no exception may end the child."""

import traceback
from typing import Any, NamedTuple

from broker.errors import PermanentError, Postpone, TaskBrokerError, TaskTimeout, wait_asked
from broker.log import escaped
from broker.media.records import info_fields
from broker.tasks import backoff, stored_json

#: Bytes of JSON that a handler may answer; what is larger belongs into storage.
MAX_RESULT = 1_048_576
_MAX_MESSAGE, _MAX_TRACEBACK = 500, 8_000


class Completed(NamedTuple):
    """The handler's answer as JSON, and what it learnt about a media file."""

    result: bytes
    media_id: str = ""
    info: tuple[str, ...] = ()


class Failed(NamedTuple):
    """One line for people, the traceback for RQ's tools, and the pause before the next try (None: there is none)."""

    message: str
    traceback: str
    delay_us: int | None


class Postponed(NamedTuple):
    """The handler waits for somebody else, or gives way, and its task runs again after so long."""

    delay_us: int
    background: bool = False


#: How a run ended.
Outcome = Completed | Failed | Postponed


def completed(answer: Any, attached: dict[str, dict[str, Any]]) -> Completed:
    """Raises ``PermanentError`` for what cannot be kept, and whatever an answer of a class of its own raises."""
    result = _json(answer, "The handler's answer")
    if len(result) > MAX_RESULT:
        raise PermanentError(f"The handler's answer has {len(result)} bytes of JSON; at most {MAX_RESULT} fit.")
    for media_id, info in attached.items():
        if info:
            _json(info, "What the handler attaches to the media file")
            return Completed(result, media_id, tuple(part for pair in info_fields(info).items() for part in pair))
    return Completed(result)


def raised(error: BaseException, timeout: float, retry_count: int) -> Failed | Postponed:
    """Never raises, whatever the exception is made of: its text and its attributes are the handler's code too."""
    if isinstance(error, TaskTimeout):
        return timed_out(timeout, retry_count)
    try:
        if isinstance(error, Postpone):
            return Postponed(int(error.seconds * 1_000_000), error.background)
        delay_us = None if isinstance(error, TaskBrokerError) and not error.retryable else _delay_us(error, retry_count)
    except Exception:  # one of a class of its own, made without what belongs to it
        delay_us = _delay_us(None, retry_count)
    line = _one_line(error)
    return Failed(line, _traceback(error, line), delay_us)


def timed_out(timeout: float, retry_count: int) -> Failed:
    """The end of a run that took too long."""
    message = f"The task took longer than its timeout of {timeout:g} s."
    return Failed(message, message, _delay_us(None, retry_count))


def _one_line(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        text = str(error.message) if isinstance(error, TaskBrokerError) else f"{kind}: {error}"
    except BaseException as broken:
        text = f"{kind}, whose text cannot be had: {type(broken).__name__}"
    return escaped(" ".join(text.split()).encode("utf-8", "replace").decode())[:_MAX_MESSAGE]


def _traceback(error: BaseException, line: str) -> str:
    try:
        return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]
    except BaseException as broken:  # notes, causes and what a syntax error tells of may be of any kind
        return f"{line}\n(The traceback cannot be shown: {type(broken).__name__}.)"


def _json(value: Any, what: str) -> bytes:
    try:
        return stored_json.encode(value)[0]
    except (TypeError, ValueError) as error:  # also text that is not Unicode, as names of files may be
        raise PermanentError(f"{what} is not JSON that can be kept: {error}.") from error


def _delay_us(error: BaseException | None, retry_count: int) -> int:
    return int(max(wait_asked(error), backoff.delay(retry_count)) * 1_000_000)
