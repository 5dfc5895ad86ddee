"""Several documents of a few passages embedded together: their texts go through the network by length.

In a batch every text costs as much as the longest, and each batch costs as much as some texts, so those that are like
in length go together. Long texts gain little by it and pictures nothing: these run alone.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from broker.context import TaskContext
from broker.errors import NotFound
from broker.media.records import MediaRecord
from broker.media.vectors import GONE, Put
from handlers.embedding import run
from handlers.embedding.loaded import encoder
from handlers.embedding.reading.contents import Contents
from handlers.embedding.reading.lettering import wanted

#: Passages, with the title, of a document that gains by others.
_FEW = 8
#: What is as long as its text, or longer; and bytes of it beyond which it has more than a few.
_TEXTS = frozenset({"text/plain", "text/markdown", "text/html", "text/vtt", "application/x-subrip"})
_LARGE = 16_384
#: Reading scanned pages takes seconds for each.
_SCANS = "application/pdf"
#: Characters of what is embedded together, some 4,000 tokens: the rest waits for the run of its own document, so that
#: short ones do not wait for it.
_MOST = 16_384
#: Characters of a batch, each text as long as the longest: some 512 tokens, which the caches have room for.
_BUDGET = 2048
#: What a batch costs beside its texts, and a text beside its characters, in characters.
_PER_BATCH, _PER_TEXT = 180, 10


class Prepared(NamedTuple):
    """A document that was read."""

    context: TaskContext
    record: MediaRecord
    contents: Contents


class Computed(NamedTuple):
    """What is made of one."""

    #: Vectors of words that are in it.
    known: Mapping[str, run.Vectors]
    #: Whether there still is such a file, where all its vectors are known and stored for it; else ``None``.
    stored: bool | None = None


class Together:
    """A `broker.context.Batch`."""

    def joins(self, payload: dict[str, Any]) -> bool:
        """Whether it is a document, to be embedded as a whole."""
        return payload.get("entity_type") == "document" and not payload.get("speech_only")

    def media_of(self, payload: dict[str, Any]) -> str:
        """The document: a `broker.context.OfMedia`."""
        return str(payload["entity_id"])

    def prepare(self, context: TaskContext) -> Prepared | None:
        """Reads it; ``None`` for one that is long, or may take long to read."""
        if not run.wanted(context):
            return None
        record = run.record_of(context)
        if record.size > _LARGE and record.content_type in _TEXTS:
            return None
        if record.content_type == _SCANS and wanted():
            return None
        contents = run.contents_of(record, context)
        return Prepared(context, record, contents) if len(contents.items) <= _FEW else None

    def compute(self, prepared: list[Prepared]) -> list[Computed]:
        """Of each the vectors of its words, but for those that take longest where it is too much.

        Where nothing is missing they are stored in one round trip, which a file that is gone by now takes no part in.
        """
        words = {item.words for each in prepared for item in each.contents.items}
        vectors: dict[str, run.Vectors] = {}
        for batch in by_length(_shortest(words)):
            vectors |= dict(zip(batch, encoder().texts(batch), strict=True))
        computed = [
            Computed({item.words: vectors[item.words] for item in each.contents.items if item.words in vectors})
            for each in prepared
        ]
        whole = [at for at, each in enumerate(prepared) if _all_known(each.contents, vectors)]
        for at, stored in zip(whole, _store([(prepared[at], computed[at].known) for at in whole]), strict=True):
            computed[at] = computed[at]._replace(stored=stored)
        return computed

    def finish(self, context: TaskContext, prepared: Prepared, computed: Computed) -> dict[str, Any]:
        """Stores them, if that was not done, and tells of it."""
        if computed.stored is None:
            return run.embed(context, run.Ready(prepared.record, prepared.contents, computed.known))
        if not computed.stored:
            raise NotFound(GONE)
        return run.told(context, prepared.record, prepared.contents, len(prepared.contents.items))


def _all_known(contents: Contents, vectors: Mapping[str, run.Vectors]) -> bool:
    return bool(contents.items) and all(item.words in vectors for item in contents.items)


def _store(documents: Sequence[tuple[Prepared, Mapping[str, run.Vectors]]]) -> list[bool]:
    """Whether there still is a file, of each."""
    puts = [
        Put(
            each.context.tenant,
            encoder().name,
            each.record.kind,
            each.record.id,
            run.packed([known[item.words] for item in each.contents.items]),
            [item.part for item in each.contents.items],
        )
        for each, known in documents
    ]
    return documents[0][0].context.vectors.put_each(puts) if documents else []


def _shortest(texts: Collection[str]) -> list[str]:
    """The shortest first, as many as are embedded together."""
    in_order = sorted(texts, key=len)
    total = accumulate(map(len, in_order))
    return [text for text, characters in zip(in_order, total, strict=True) if characters <= _MOST]


def by_length(texts: Sequence[str]) -> list[list[str]]:
    """The texts in those batches that cost least together, the shortest first."""
    in_order = sorted(texts, key=len)
    #: Of so many of the shortest: what they cost, and where their last batch begins.
    best = [(0, 0)]
    for end, text in enumerate(in_order, 1):
        size = len(text) + _PER_TEXT
        first = max(0, end - max(1, _BUDGET // size))
        best.append(min((best[at][0] + _PER_BATCH + (end - at) * size, at) for at in range(first, end)))
    batches: list[list[str]] = []
    end = len(in_order)
    while end:
        begin = best[end][1]
        batches.append(in_order[begin:end])
        end = begin
    return batches[::-1]


TOGETHER = Together()
