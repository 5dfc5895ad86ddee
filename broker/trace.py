"""What a request is known by, on its way through all processes: ``X-Request-Id`` and the W3C trace context.

``traceparent`` and ``tracestate`` as in https://www.w3.org/TR/trace-context/: whoever passes a request on keeps the
trace's id and names its own part of the way, a span, anew. Nothing is made up: a request that came without a trace
context goes on without one.
"""

import random
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple

#: What is taken as a request's own name.
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
#: ``key=value,key=value``, at most 32 of them; what is longer than this may be left out.
_STATE = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_LONGEST_STATE, _MOST_MEMBERS = 512, 32


class Trace(NamedTuple):
    """``made``: the request id is ours, because the caller gave none; it is in the answer and in logs, and not kept."""

    request_id: str = ""
    traceparent: str = ""
    tracestate: str = ""
    made: bool = False

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits; '' for none."""
        return self.traceparent[3:35]

    def text(self) -> str:
        """As it is kept with a task: what the caller gave, in lines; '' for nothing."""
        if self.made and not self.traceparent:
            return ""
        request_id = "" if self.made else self.request_id
        return f"{request_id}\n{self.traceparent}\n{self.tracestate}".rstrip("\n")

    def next_hop(self) -> "Trace":
        """The same with a new span, for whatever is done next."""
        if not self.traceparent:
            return self
        span = f"{random.getrandbits(64) | 1:016x}"
        return self._replace(traceparent=f"{self.traceparent[:36]}{span}{self.traceparent[52:]}")

    def headers(self) -> dict[str, str]:
        """For a request that is made on behalf of this one."""
        found = {"X-Request-Id": self.request_id, "traceparent": self.traceparent, "tracestate": self.tracestate}
        return {name: value for name, value in found.items() if value}

    def facts(self) -> dict[str, str]:
        """For a line of the log."""
        found = {"request_id": self.request_id, "trace_id": self.trace_id}
        return {name: value for name, value in found.items() if value}


NONE = Trace()


def from_text(text: str) -> Trace:
    """What ``Trace.text`` has made."""
    if not text:
        return NONE
    request_id, _, rest = text.partition("\n")
    traceparent, _, tracestate = rest.partition("\n")
    return Trace(request_id, traceparent, tracestate)


def from_headers(request_id: str | None, traceparent: str | None, tracestate: str | None) -> Trace:
    """What a request says of itself, with a name of ours for one that has none, or none that can be passed on.

    A trace context that is malformed is as good as none (section 3.2 there), and so is a state without its parent.
    """
    if not request_id and not traceparent:  # most
        return Trace(f"{random.getrandbits(128):032x}", "", "", True)
    made = not (request_id and REQUEST_ID.fullmatch(request_id))
    name = f"{random.getrandbits(128):032x}" if made else request_id or ""
    parent = _PARENT.fullmatch(traceparent.strip()) if traceparent else None
    if parent is None or (parent[1] == "00" and parent[5]):
        return Trace(name, made=made)
    return Trace(name, f"00-{parent[2]}-{parent[3]}-{parent[4]}", _state(tracestate or ""), made)


def _state(text: str) -> str:
    members = [each for part in text.split(",") if (each := part.strip())]
    state = ",".join(members)
    good = len(members) <= _MOST_MEMBERS and len(state) <= _LONGEST_STATE and all(map(_STATE.fullmatch, members))
    return state if good else ""


_current: ContextVar[Trace] = ContextVar("trace", default=NONE)
#: Of a process that does one thing at a time, its threads included.
_of_process: list[Trace] = [NONE]


def current() -> Trace:
    """Of what is being done here and now."""
    found = _current.get()
    return _of_process[0] if found is NONE else found


def set_current(trace: Trace) -> None:
    """From now on, in this thread (or asynchronous task)."""
    _current.set(trace)


def set_for_process(trace: Trace) -> None:
    """From now on, in all threads that say nothing else."""
    _of_process[0] = trace


def facts() -> Mapping[str, str]:
    """What lines of the log have of it."""
    found = current()
    return found.facts() if found is not NONE else {}
