"""Guards what is said in recordings: found by transcripts and captions, with its time, as long as they are there."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from broker.broker import Broker
from broker.captions.caption import as_note, store
from broker.captions.cues import Cue
from broker.media.records import info_fields
from handlers.embedding import run
from handlers.embedding.reading import contents
from handlers.embedding.reading.documents.section import Section
from handlers.embedding.reading.spoken import spoken
from tests.handlers.embedding.conftest import Embed, Upload, context_of
from tests.handlers.embedding.test_run import film, find, song, transcribe

__all__ = ["find"]


def test_captions_are_found_by_what_they_say_and_when_until_they_are_taken_away(
    upload: Upload, embed: Embed, find, broker: Broker, encoder: Any, photos: dict[str, Path], tmp_path: Path
) -> None:
    record = upload(film(tmp_path / "a.mp4", [photos["chelsea.png"]]), "video", "VID_0001.mp4")
    embed(record)
    gone = broker.captions.add("acme", record.id, [Cue(500, 900, "Mix flour &amp; butter.")], language="en", label="en")
    embed(record, speech_only=True)
    broker.captions.add(
        "acme", record.id, [Cue(61_000, 64_500, "<i>Der Zug</i> hat Verspätung")], language="de", label="de"
    )
    embed(record, speech_only=True)
    assert find("baking a cake") == ["VID_0001.mp4"]

    def said() -> list[tuple[str, float | None, float | None]]:
        parts = broker.vectors.parts("acme", encoder.name, [record.id])[record.id]
        return [(part.text, part.start, part.end) for part in parts if part.matched == "speech"]

    train = ("Der Zug hat Verspätung", 61.0, 64.5)
    assert said() == [train, ("Mix flour & butter.", 0.5, 0.9)]
    broker.captions.delete("acme", record.id, gone.id)
    embed(record, speech_only=True)
    assert said() == [train]


def test_what_a_plugin_has_heard_is_read_once_and_what_people_have_added_before_the_files_own(
    broker: Broker, upload: Upload, photos: dict[str, Path]
) -> None:
    record = upload(photos["chelsea.png"], "video")
    transcribe(broker, record, "t1", "The dentist opens at nine.")
    for number, source in enumerate(["ears", "embedded", "embedded", "embedded", "eyes", "upload"]):
        about = {"language": "en", "label": f"{source} {number}", "source": source}
        caption = store(broker.storage, "acme", record.id, str(uuid4()), [Cue(0, 500, "hello")], **about)
        broker.redis.hset(broker.keys.media(record.id), mapping=info_fields(as_note(caption)))
    assert [each.name for each in spoken(broker.media.get("acme", record.id))] == [
        "the transcript of plugin ears",
        *(f"the text of the captions {each}" for each in ("upload 5", "embedded 1", "embedded 2", "embedded 3")),
    ]


def test_what_was_said_before_is_not_embedded_again(
    upload: Upload, embed: Embed, broker: Broker, encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = upload(song(tmp_path / "a.m4a", title="Night trains"), "audio", "VID_0001.m4a")
    transcribe(broker, record, "t1", "The dentist opens at nine.")
    embed(record)
    (before,) = broker.vectors.all("acme", encoder.name)

    def refuse(words: list[str]) -> None:
        raise AssertionError(f"embedded again: {words}")

    monkeypatch.setattr(encoder, "texts", refuse)
    assert embed(record, speech_only=True)["vectors"] == 2
    (after,) = broker.vectors.all("acme", encoder.name)
    assert after.parts == before.parts


def test_what_is_left_out_of_the_file_itself_stays_known_whatever_is_said_of_it(
    upload: Upload, broker: Broker, light: Any, photos: dict[str, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    """Of a film that has more text in it than is embedded, with captions of which some are left out too."""
    shown = [Section(f"Exit {number}") for number in range(4 + 5)]
    monkeypatch.setattr(contents, "MOST_PASSAGES", 4)
    monkeypatch.setattr(run, "_encoder", lambda: light)
    monkeypatch.setattr(contents, "in_video", lambda *_: shown)
    record = upload(film(tmp_path / "a.mp4", [photos["chelsea.png"]]), "video")

    def left_out(**how: Any) -> tuple[int, int]:
        context = context_of(broker, record, **how)
        told = run.embed(context)["passages_left_out"]
        broker.redis.hset(broker.keys.media(record.id), mapping=info_fields(context.attached[record.id]))
        return told, broker.media.get("acme", record.id).info["index"]["passages_left_out"]

    assert left_out() == (5, 5)
    note = broker.media.get("acme", record.id).info["index"]
    told_before = {each: note[each] for each in ("vectors", "passages_left_out")}
    broker.redis.hset(broker.keys.media(record.id), mapping=info_fields({"index": told_before}))
    assert left_out(speech_only=True) == (5, 5), "of a record that does not tell the file's own apart"
    cues = [Cue(1_000 * at, 1_000 * at + 900, f"Word {at} of it. " * 40) for at in range(4 + 3)]
    added = broker.captions.add("acme", record.id, cues, language="en", label="en")
    said = left_out(speech_only=True)[0] - 5
    assert said >= 3
    assert left_out(speech_only=True) == (5 + said, 5 + said), "what was said is not counted twice"
    broker.captions.delete("acme", record.id, added.id)
    assert left_out(speech_only=True) == (5, 5)
