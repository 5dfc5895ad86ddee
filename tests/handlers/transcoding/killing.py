"""Runs of a transcoding that end in the middle, as when their worker is killed."""

from collections.abc import Callable
from typing import Any

import pytest

from handlers.transcoding.run import transcode
from tests.handlers.transcoding.fake_context import FakeContext


class Killed(BaseException):
    """What a worker does not survive."""


def killed_at(
    context: FakeContext, name: str, monkeypatch: pytest.MonkeyPatch, before: Callable[[], object] = lambda: None
) -> FakeContext:
    """Runs until an object of this name is to be stored, and ``before`` is done; the context of the next run, on
    another machine.
    """
    put = context.storage.put

    def dying(key: str, source: Any) -> int:
        if key.endswith(name):
            before()
            raise Killed()
        return put(key, source)

    with monkeypatch.context() as patched:
        patched.setattr(context.storage, "put", dying)
        with pytest.raises(Killed):
            transcode(context)
    return context.again()
