"""Several documents of a few passages embedded together: their texts go through the network by length.

In a batch every text costs as much as the longest, so texts are sorted, and cut where lengths differ too much or the
batch gets too large for the caches: measured on one core, 64 short texts take a third of the time that they take one
by one, and texts of all lengths a fifth less; as they come they would take up to two and a half times as long. Pictures
gain nothing by it, and run alone.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from broker.context import TaskContext
from broker.media.records import MediaRecord
from handlers.embedding import run
from handlers.embedding.contents import Contents
from handlers.embedding.loaded import encoder

#: Passages, with the title, of a document that gains by others.
_FEW = 8
#: Characters of a batch, each text as long as the longest: some 512 tokens.
_BUDGET = 2048
#: How many times as long as the shortest the longest may be.
_RATIO = 1.5
#: Characters below which lengths do not matter: the tokens that a model adds weigh as much.
_SHORT = 40


class Prepared(NamedTuple):
    """A document that was read."""

    record: MediaRecord
    contents: Contents


class Together:
    """A `broker.context.Batch`."""

    def joins(self, payload: dict[str, Any]) -> bool:
        """Whether it is a document."""
        return payload.get("entity_type") == "document"

    def prepare(self, context: TaskContext) -> Prepared | None:
        """Reads it; ``None`` for a long one."""
        if not run.wanted(context):
            return None
        record = run.record_of(context)
        contents = run.contents_of(record, context)
        return Prepared(record, contents) if len(contents.items) <= _FEW else None

    def compute(self, prepared: list[Prepared]) -> list[Any]:
        """Of each the vectors of its words."""
        words = list({item.words: None for each in prepared for item in each.contents.items})
        vectors: dict[str, run.Vectors] = {}
        for batch in by_length(words):
            vectors |= dict(zip(batch, encoder().texts(batch), strict=True))
        return [{item.words: vectors[item.words] for item in each.contents.items} for each in prepared]

    def finish(self, context: TaskContext, prepared: Prepared, computed: Any) -> dict[str, Any]:
        """Stores them."""
        return run.embed(context, run.Ready(prepared.record, prepared.contents, computed))


def by_length(texts: Sequence[str]) -> list[list[str]]:
    """The texts in batches of like lengths, the shortest first."""
    batches: list[list[str]] = []
    for text in sorted(texts, key=len):
        batch = batches[-1] if batches else None
        if batch is None or len(text) * (len(batch) + 1) > _BUDGET or len(text) > _RATIO * max(_SHORT, len(batch[0])):
            batches.append([text])
        else:
            batch.append(text)
    return batches


TOGETHER = Together()
