"""What is to be done: a task type with its payload, of which a type checker knows the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True)
class NewTask(Generic[R]):
    """``types.video_transcoding(video_id=…)`` makes one; ``generate`` writes such functions for types of your own."""

    type: str
    payload: Mapping[str, Any]
