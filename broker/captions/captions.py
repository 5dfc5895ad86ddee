"""The captions that people add to a video and take away again, at any time: it need not have been transcoded."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from broker.captions.caption import MAX_CAPTIONS, NOTE, Caption, as_note, store
from broker.captions.cues import Cue
from broker.clock import Clock, to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.scripts import Script
from broker.engine.transitions import Transitions
from broker.errors import NotConfirmed, NotFound, TaskBrokerError, Unavailable
from broker.media import paths
from broker.media.records import INFO
from broker.media.storage import Storage
from broker.tasks.durability import Durability

_UPLOAD = "upload"
_NO_VIDEO, _FULL = -1, -2


class TooManyCaptions(TaskBrokerError):
    """This video has as many captions as one may have; delete one first."""

    code, status = "too_many_captions", 409


class Captions:
    """Of any tenant's videos. All raise ``NotFound`` for a video that is not there (any more), and ``Unavailable``."""

    def __init__(
        self,
        transitions: Transitions,
        durability: Durability,
        storage: Callable[[], Storage],
        clock: Clock | None = None,
    ) -> None:
        self._transitions = transitions
        self._durability = durability
        self._storage = storage
        self._clock = clock or Clock()
        self._script = Script("note_media")

    def add(
        self, tenant: str, video_id: str, cues: Sequence[Cue], *, language: str, label: str, seed: UUID | None = None
    ) -> Caption:
        """Keeps them under the id ``seed`` if there is one. Raises ``TooManyCaptions``."""
        caption_id, now = str(seed or uuid4()), to_rfc3339(self._clock.now_us())
        about = {"language": language, "label": label, "source": _UPLOAD, "created_at": now}
        caption = store(self._storage(), tenant, video_id, caption_id, cues, **about)
        ((name, note),) = as_note(caption).items()
        try:
            self._note(tenant, video_id, name, json.dumps(note, separators=(",", ":")))
        except (NotFound, TooManyCaptions):
            with suppress(Unavailable):  # the daemon finds what nothing names
                self._storage().delete(paths.caption(tenant, video_id, caption_id))
            raise
        return caption

    def delete(self, tenant: str, video_id: str, caption_id: str) -> None:
        """Takes one away. Raises ``NotFound`` when there is none of this id."""
        if not self._note(tenant, video_id, f"{NOTE}{caption_id}", ""):
            raise NotFound("There are no captions with this id.")
        with suppress(Unavailable):
            self._storage().delete(paths.caption(tenant, video_id, caption_id))

    def _note(self, tenant: str, video_id: str, name: str, value: str) -> int:
        arguments: dict[str, Any] = {
            "media_id": video_id,
            "tenant": tenant,
            "field": f"{INFO}{name}",
            "value": value,
            "family": f"{INFO}{NOTE}",
            "most": MAX_CAPTIONS,
        }

        def write(store: Transitions) -> int:
            return int(self._script(store.redis, prefix=store.keys.prefix, **arguments))

        try:
            with redis_errors():
                answer = self._durability.run(self._transitions, write, lambda done: [video_id] if done > 0 else [])
        except NotConfirmed as error:
            raise Unavailable("Whether this is kept is not known yet; repeat the request.", retry_after=2) from error
        if answer == _NO_VIDEO:
            raise NotFound("There is no video with this id.")
        if answer == _FULL:
            raise TooManyCaptions(f"A video has at most {MAX_CAPTIONS} captions; delete one first.")
        return answer
