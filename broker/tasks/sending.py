"""What a submission is known by: the request that it is a part of, and a span of its own where anybody wants one."""

from types import TracebackType

from broker import spans
from broker.trace import current


class Sending:
    """A context manager, made by hand: on the way of every task. Inside it is the text that a task keeps."""

    __slots__ = ("_span", "text")

    def __init__(self, type_name: str, task_id: str = "", many: int = 1) -> None:
        self._span: spans.Span | None = None
        if spans.wanted():
            told = spans.of_message("send", type_name, task_id)
            self._span = spans.begin(
                "PRODUCER", f"send {type_name}" if many == 1 else f"send {many} tasks", current(), told
            )
        self.text = (self._span.trace if self._span else current()).text()

    def __enter__(self) -> str:
        return self.text

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if self._span:
            self._span.end(type(error).__name__ if error else "")
