"""Which uploaded files a task is about: those of its tenant that its payload names by their ids, in any member.

Nothing has to be declared for it, so it holds for task types that are added, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from redis import Redis

from broker.engine.keys import Keys

_FIELDS = ("id", "tenant", "kind", "filename")
#: Members of a payload that are looked at.
_MOST = 10


class Mention(NamedTuple):
    """A file of the task's tenant."""

    id: str
    kind: str
    filename: str


def mentions(redis: "Redis", keys: Keys, tasks: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[Mention]]:
    """For each (tenant, payload) the files that it names, in the payload's order; all in one round trip.

    ``redis`` answers text (``decode_responses=True``); its errors pass through.
    """
    named = [named_ids(payload) for _, payload in tasks]
    with redis.pipeline(transaction=False) as reads:
        for media_id in (each for ids in named for each in ids):
            reads.hmget(keys.media(media_id), _FIELDS)
        rows = iter(reads.execute(raise_on_error=False))  # what a foreign hand has spoilt is no file
    found = []
    for (tenant, _), ids in zip(tasks, named, strict=True):
        own = [row for row in (next(rows) for _ in ids) if isinstance(row, list) and all(row) and row[1] == tenant]
        found.append([Mention(media_id, kind, filename) for media_id, _, kind, filename in own])
    return found


def named_ids(payload: Any) -> list[str]:
    """All ids in a payload's members, whatever they are of, as they are stored."""
    members = list(payload.values())[:_MOST] if isinstance(payload, Mapping) else ()
    return [found for value in members if (found := _canonical(value))]


def _canonical(value: object) -> str | None:
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
