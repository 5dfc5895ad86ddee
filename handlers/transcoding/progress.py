"""Tells how far a transcoding is, over all its steps."""

from collections.abc import Callable
from typing import NamedTuple

from broker.context import TaskContext


class Step(NamedTuple):
    """A stretch of the work, in percent."""

    name: str
    first: float
    last: float


PICTURES = Step("transcoding", 1, 95)
#: 100 is for what is published.
PUBLISHING = Step("publishing", 95, 99)


class Progress:
    """``percent`` is what was told last."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self.percent = 0.0

    def probing(self) -> None:
        self._tell(0, "probing")

    def within(self, step: Step) -> Callable[[float], None]:
        """A function that takes the part of ``step`` that is done, 0 to 1."""
        return lambda part: self._tell(step.first + (step.last - step.first) * min(1.0, part), step.name)

    def _tell(self, percent: float, stage: str) -> None:
        self.percent = percent
        self._context.progress(percent, stage)
