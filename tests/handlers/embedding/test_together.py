"""Guards documents that are embedded together: each gets the vectors that it gets alone; long ones run alone."""

import json
import time
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from broker.broker import Broker
from broker.engine.transitions import Claimed
from broker.errors import NotFound
from broker.media.records import MediaRecord
from broker.worker.child_state import ChildState
from broker.worker.run import RunContext
from tests.handlers.embedding.conftest import NEEDS, Embed, Upload

together = pytest.importorskip("handlers.embedding.together", reason=NEEDS, exc_type=ImportError)
TOGETHER, by_length = together.TOGETHER, together.by_length


class TestByLength:
    def test_each_text_is_in_one_batch_beside_those_of_its_length(self) -> None:
        texts = ["x" * length for length in (5, 900, 30, 45, 44, 700, 36, 2500, 100)]
        batches = by_length(texts)
        assert [text for batch in batches for text in batch] == sorted(texts, key=len)
        for batch in batches:
            assert len(batch) == 1 or max(map(len, batch)) * len(batch) <= 2048

    def test_no_other_cut_costs_less(self) -> None:
        texts = sorted("x" * length for length in (5, 30, 44, 45, 100, 190, 200, 450, 460, 470))
        gaps = range(len(texts) - 1)
        cuts = [[number for number in gaps if chosen >> number & 1] for chosen in range(1 << len(gaps))]
        others = [
            [texts[begin + 1 : end + 1] for begin, end in zip([-1, *cut], [*cut, len(texts) - 1], strict=True)]
            for cut in cuts
        ]
        assert cost(by_length(texts)) == min(map(cost, others))

    def test_short_ones_go_together(self) -> None:
        assert list(map(len, by_length([f"a short text {number}" for number in range(60)]))) == [60]


def cost(batches: list[list[str]]) -> float:
    """As the module counts it; of a batch that is too large endlessly much."""
    sizes = [(len(batch), len(batch[-1]) + together._PER_TEXT) for batch in batches]
    if any(count > 1 and count * size > together._BUDGET for count, size in sizes):
        return inf
    return sum(together._PER_BATCH + count * size for count, size in sizes)


def test_which_join() -> None:
    payloads: list[dict[str, Any]] = [{"entity_type": kind} for kind in ("image", "video", "audio", "document")]
    assert [TOGETHER.joins(each) for each in payloads] == [False, False, False, True]
    assert not TOGETHER.joins({"entity_type": "document", "speech_only": True})


def test_each_document_gets_the_vectors_that_it_gets_alone(
    broker: Broker, upload: Upload, embed: Embed, encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "encoder", lambda: encoder)
    texts = [
        "A short note about a horse.",
        "Rain in spring. " * 20,
        "The harbour at night.\n\n" + "Ships come home. " * 9,
    ]
    records = []
    for number, text in enumerate([*texts, "A word and another one. " * 2000]):
        (path := tmp_path / f"{number}.txt").write_text(text)
        records.append(upload(path, "document"))
    contexts = [context_of(broker, record) for record in records]
    prepared = [TOGETHER.prepare(context) for context in contexts]
    assert prepared[3] is None, "a long one is run alone"
    computed = TOGETHER.compute(prepared[:3])
    for context, each, vectors in zip(contexts, prepared, computed, strict=False):
        assert TOGETHER.finish(context, each, vectors)["vectors"] == len(each.contents.items)
    joint = [stored(broker, encoder.name, record) for record in records[:3]]
    for record, vectors in zip(records, joint, strict=False):
        embed(record)
        assert np.allclose(stored(broker, encoder.name, record), vectors, atol=2e-3)


def test_what_is_too_much_for_all_is_left_to_its_own_document(
    broker: Broker, upload: Upload, embed: Embed, encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "encoder", lambda: encoder)
    monkeypatch.setattr(together, "_MOST", 200)
    records = []
    for number, text in enumerate(["Rain in spring. " * 15, "A short note.", "Another about a horse."]):
        (path := tmp_path / f"{number}.txt").write_text(text)
        records.append(upload(path, "document", "0.txt"))
    contexts = [context_of(broker, record) for record in records]
    monkeypatch.setattr("handlers.embedding.run._encoder", lambda: encoder)
    prepared = [TOGETHER.prepare(context) for context in contexts]
    computed = TOGETHER.compute(prepared)
    assert [len(each.known) for each in computed] == [0, 1, 1]
    assert [each.stored for each in computed] == [None, True, True]
    for context, each, vectors in zip(contexts, prepared, computed, strict=True):
        assert TOGETHER.finish(context, each, vectors)["vectors"] == 1


def test_a_document_that_is_deleted_meanwhile_fails_alone(
    broker: Broker, upload: Upload, embed: Embed, encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' vectors are stored with one call."""
    monkeypatch.setattr(together, "encoder", lambda: encoder)
    monkeypatch.setattr("handlers.embedding.run._encoder", lambda: encoder)
    records = []
    for number in range(3):
        (path := tmp_path / f"{number}.txt").write_text(f"A short note about {number} horses.")
        records.append(upload(path, "document"))
    contexts = [context_of(broker, record) for record in records]
    prepared = [TOGETHER.prepare(context) for context in contexts]
    broker.redis.delete(broker.keys.media(records[1].id))
    monkeypatch.setattr(type(broker.vectors), "put", None)
    computed = TOGETHER.compute(prepared)
    for number in (0, 2):
        assert TOGETHER.finish(contexts[number], prepared[number], computed[number])["vectors"] == 1
        assert len(stored(broker, encoder.name, records[number])) == 1
        found = broker.vectors.parts("acme", encoder.name, [records[number].id])[records[number].id]
        assert [part.text for part in found] == [f"A short note about {number} horses."]
    with pytest.raises(NotFound):
        TOGETHER.finish(contexts[1], prepared[1], computed[1])
    assert broker.vectors.get("acme", encoder.name, records[1].id) is None


def test_a_text_that_is_long_by_its_size_is_not_even_read(
    broker: Broker, upload: Upload, embed: Embed, tmp_path: Path
) -> None:
    (path := tmp_path / "long.txt").write_text("A word and another one. " * 2000)
    record = upload(path, "document")
    broker.storage.delete(record.source_key)
    assert TOGETHER.prepare(context_of(broker, record)) is None


def stored(broker: Broker, model: str, record: MediaRecord) -> Any:
    found = broker.vectors.get("acme", model, record.id)
    assert found
    return np.stack([np.frombuffer(part, "<f2").astype(np.float32) for part in found.parts])


def context_of(broker: Broker, record: MediaRecord) -> RunContext:
    payload = json.dumps({"entity_type": "document", "entity_id": record.id})
    claimed = Claimed(str(uuid4()), "EmbeddingGeneration", "acme", payload, 1, 60, 0, "")
    return RunContext(broker, ChildState(), claimed, "execution", time.monotonic() + 60)
