"""A process that is killed at its n-th step, before or after what the step does."""

from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """Nothing that the code may handle."""


class Fuse:
    """Burns down with each step."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


class Fragile:
    """``inner``, whose every call is two steps."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._stepwise(found) if callable(found) else found

    def _stepwise(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            self._fuse.burn()
            answer = call(*args, **options)
            self._fuse.burn()
            return answer

        return step
