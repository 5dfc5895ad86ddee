"""Which tasks are meant: what a list shows, and what an operation acts on."""

import json
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from broker.status import TERMINAL, Status

#: Characters of an error's part that is looked for.
MAX_ERROR = 255


class Wanted(Struct, frozen=True):
    """Filters, all of which must fit. What is empty or ``None`` does not matter. Times are microseconds, inclusive."""

    statuses: tuple[Status, ...] = ()
    types: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    flow: str | None = None
    tag: str | None = None
    group: str | None = None
    #: A media file that the payload names.
    media_id: str | None = None
    #: A part of the error, in small or capital letters.
    error: str | None = None
    unique_key: str | None = None
    #: The id of a group of failures.
    failure: str | None = None
    #: Of the creation.
    start_us: int | None = None
    end_us: int | None = None

    @property
    def looks(self) -> bool:
        """Whether tasks have to be looked at one by one, since no index tells."""
        asked = (self.ids, self.tag, self.group, self.media_id, self.error, self.unique_key, self.failure)
        return any(asked) or bool(self.flow and self.types)

    def within(self, statuses: tuple[Status, ...]) -> "Wanted":
        """The same in these statuses."""
        return replace(self, statuses=statuses)

    def script_argument(self, *, ended: bool = False, up: bool = False) -> str:
        """As ``task_filters.lua`` reads it; by creation or, ``ended``, by the end; ``up``: oldest first."""
        statuses = self.statuses or ((Status.FAILED,) if self.failure else tuple(Status))
        if ended:
            statuses = tuple(each for each in statuses if each in TERMINAL)
        told: dict[str, Any] = asdict(self) | {"statuses": statuses, "first": self.start_us, "last": self.end_us}
        del told["start_us"], told["end_us"]
        kept = {name: value for name, value in told.items() if value not in (None, (), "")}
        return json.dumps({"statuses": [], **kept, "ended": ended, "up": up})
