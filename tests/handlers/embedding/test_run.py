"""Guards the handler from a file in storage to what a search finds, and how it refuses what it cannot embed."""

import io
import json
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from broker.broker import Broker
from broker.errors import NotFound, NotIndexed, PermanentError, Postpone
from broker.media import paths
from broker.media.records import info_fields
from broker.search.request import SearchRequest
from scripts.search import facts_by_id
from tests.handlers.embedding.conftest import NEEDS, Embed, Upload, context_of

np = pytest.importorskip("numpy", reason=NEEDS)
search = pytest.importorskip("handlers.embedding.search.searcher", reason=NEEDS, exc_type=ImportError)
run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
contents = pytest.importorskip("handlers.embedding.reading.contents", reason=NEEDS, exc_type=ImportError)
av = pytest.importorskip("av", reason=NEEDS)
Image = pytest.importorskip("PIL.Image", reason=NEEDS)


@pytest.fixture
def find(broker: Broker, encoder: Any):
    """Searches as a search process does; names of the files found, best first."""

    def go(query: str, **options: Any) -> list[str]:
        searcher = search.Searcher(
            encoder.name,
            lambda text: encoder.queries([text])[0],
            broker.vectors,
            partial(facts_by_id, broker, search.Facts),
        )
        return [hit.filename for hit in searcher.answer(SearchRequest("acme", query, **options))]

    return go


def test_pictures_of_telling_and_of_meaningless_names_are_found(
    upload: Upload, embed: Embed, encoder: Any, find, photos: dict[str, Path]
) -> None:
    answers = [
        embed(upload(photos["chelsea.png"], "image", "IMG_0001.png")),
        embed(upload(photos["coffee.png"], "image", "IMG_0002.png")),
        embed(upload(photos["rocket.jpg"], "image", "grandmother at the seaside.jpg")),
    ]
    assert answers == [{"model": encoder.name, "dimensions": 384, "vectors": 1}] * 3
    assert find("a cat")[0] == "IMG_0001.png"
    assert find("hot drink")[0] == "IMG_0002.png"
    assert find("granny on the beach")[0] == "grandmother at the seaside.jpg"
    assert find("spacecraft")[0] == "grandmother at the seaside.jpg"


def test_a_document_is_found_by_a_passage_and_by_its_title(upload: Upload, embed: Embed, find, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The harbour was quiet that evening. " * 150 + "Mix flour, butter and sugar.")
    (tmp_path / "b.txt").write_text("Meeting notes: the roof needs repair before winter.")
    embedded = embed(upload(tmp_path / "a.txt", "document", "Holiday_Plans.txt"))
    assert embedded["vectors"] > 5
    assert embed(upload(tmp_path / "b.txt", "document", "12345.txt"))["vectors"] == 1
    assert find("baking a cake")[0] == "Holiday_Plans.txt"
    assert find("vacation schedule")[0] == "Holiday_Plans.txt"
    assert find("building maintenance")[0] == "12345.txt"


def test_a_video_is_found_by_each_of_its_scenes(
    upload: Upload, embed: Embed, find, photos: dict[str, Path], tmp_path: Path
) -> None:
    scenes = [photos["chelsea.png"], photos["rocket.jpg"], photos["chelsea.png"]]
    record = upload(film(tmp_path / "a.mp4", scenes), "video", "VID_0001.mp4")
    other = upload(film(tmp_path / "b.mp4", [photos["coffee.png"]]), "video", "VID_0002.mp4")
    assert embed(record)["vectors"] == 2
    assert embed(other)["vectors"] == 1
    assert find("a cat")[0] == find("rocket launch")[0] == "VID_0001.mp4"
    assert find("a cup of coffee")[0] == "VID_0002.mp4"


def test_each_part_says_where_it_is_and_what_it_was_made_of(
    upload: Upload, embed: Embed, broker: Broker, encoder: Any, photos: dict[str, Path], tmp_path: Path
) -> None:
    scenes = [photos["chelsea.png"], photos["rocket.jpg"]]
    shown = upload(film(tmp_path / "a.mp4", scenes), "video", "VID_0001.mp4")
    (tmp_path / "a.txt").write_text("Roof repair.\n\n" + "The harbour was quiet that evening. " * 40)
    written = upload(tmp_path / "a.txt", "document", "Meeting.txt")
    for record in (shown, written):
        embed(record)
    parts = broker.vectors.parts("acme", encoder.name, [shown.id, written.id])
    cat, rocket = parts[shown.id]
    assert (cat.matched, cat.start, rocket.start) == ("label", 0.0, 1.0)
    assert "cat" in cat.text
    first, *_, title = parts[written.id]
    assert (first.matched, first.offset, first.text[:12]) == ("passage", 0, "Roof repair.")
    assert (title.matched, title.text) == ("name", "meeting")


def test_sound_is_found_by_its_tags_its_name_and_what_is_said_and_when(
    upload: Upload, embed: Embed, find, broker: Broker, encoder: Any, tmp_path: Path
) -> None:
    record = upload(song(tmp_path / "a.m4a", title="Night trains", artist="The Signals"), "audio", "seaside_walk.m4a")
    assert embed(record)["vectors"] == 2
    assert find("beach stroll") == ["seaside_walk.m4a"]
    transcribe(broker, record, "t1", "Mix the flour with butter.")
    embed(record, speech_only=True)
    transcribe(broker, record, "t2", "The dentist opens at nine.")
    assert embed(record, speech_only=True)["vectors"] == 3
    parts = broker.vectors.parts("acme", encoder.name, [record.id])[record.id]
    assert [(part.matched, part.text, part.start, part.end) for part in parts] == [
        ("name", "Night trains, The Signals", None, None),
        ("name", "seaside walk", None, None),
        ("speech", "The dentist opens at nine.", 1.5, 4.0),
    ]


def test_a_video_that_was_sent_as_sound_is_told_so(
    upload: Upload, embed: Embed, photos: dict[str, Path], tmp_path: Path
) -> None:
    record = upload(film(tmp_path / "a.mp4", [photos["chelsea.png"]]), "audio", "a.mp4")
    with pytest.raises(PermanentError, match="has pictures beside its sound: send it as a video"):
        embed(record)


def test_a_transcript_that_comes_meanwhile_is_not_lost(
    upload: Upload, embed: Embed, broker: Broker, encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = upload(song(tmp_path / "a.m4a"), "audio", "seaside_walk.m4a")
    put = type(broker.vectors).put

    def put_while_a_transcript_comes(*arguments: Any, **options: Any) -> None:
        put(*arguments, **options)
        if not broker.media.get("acme", record.id).info:
            transcribe(broker, record, "t1", "The dentist opens at nine.")

    monkeypatch.setattr(type(broker.vectors), "put", put_while_a_transcript_comes)
    embed(record)
    parts = broker.vectors.parts("acme", encoder.name, [record.id])[record.id]
    assert [part.matched for part in parts] == ["name", "speech"]


def test_the_length_of_sound_that_does_not_tell_it_is_measured(upload: Upload, broker: Broker, tmp_path: Path) -> None:
    """As browsers record it: what is sent while it is made cannot say how long it is going to be."""
    with av.open(str(tmp_path / "a.webm"), "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono")
        for _ in range(125):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), "fltp", "mono")
            frame.sample_rate = 48000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    record = upload(tmp_path / "a.webm", "audio", "memo.webm")
    read = contents.read(record, context_of(broker, record), contents.Cut(False, None))
    assert read.facts["duration_seconds"] == pytest.approx(2.5, abs=0.05)


def test_sound_that_says_nothing_of_itself_is_found_by_its_name_alone(
    upload: Upload, embed: Embed, broker: Broker, encoder: Any, find, tmp_path: Path
) -> None:
    record = upload(song(tmp_path / "a.m4a"), "audio", "VID_0001.m4a")
    transcribe(broker, record, "t1", "The dentist opens at nine.")
    assert embed(record)["vectors"] == 1
    transcribe(broker, record, "t2", "")
    assert embed(record)["vectors"] == 1
    (part,) = broker.vectors.parts("acme", encoder.name, [record.id])[record.id]
    assert (part.matched, part.text) == ("name", "VID_0001.m4a"), "nothing is left of what was said"
    embed(upload(song(tmp_path / "b.m4a"), "audio", "seaside_walk.m4a"))
    assert find("VID_0001")[0] == "VID_0001.m4a"
    assert find("VID_0001", min_similarity=0.01) == ["seaside_walk.m4a"], "by no meaning"
    with pytest.raises(NotIndexed, match="nothing is known of it but its name"):
        find("", like=record.id)


def song(path: Path, **tags: str) -> Path:
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def transcribe(broker: Broker, record: Any, task_id: str, text: str) -> None:
    """As a plugin does."""
    words = [{"text": text, "start": 1500, "end": 4000}] if text else []
    key = paths.plugin_file("acme", record.id, "ears", task_id, "transcript.json")
    broker.storage.put(key, io.BytesIO(json.dumps({"text": text, "words": words}).encode()))
    note = {"task_id": task_id, "data": None, "files": [{"name": "transcript.json", "size": 1}]}
    broker.redis.hset(broker.keys.media(record.id), mapping=info_fields({"plugin:ears": note}))


def film(path: Path, photographs: list[Path]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"g": "5"}
        for photograph in photographs:
            shown = Image.open(photograph).convert("RGB").resize((320, 240))
            for _ in range(5):
                container.mux(stream.encode(av.VideoFrame.from_image(shown)))
        container.mux(stream.encode())
    return path


def test_embedding_again_replaces_the_vectors(
    upload: Upload, embed: Embed, broker: Broker, encoder: Any, photos: dict[str, Path]
) -> None:
    record = upload(photos["chelsea.png"], "image", "IMG_0001.png")
    embed(record)
    embed(record)
    (stored,) = broker.vectors.all("acme", encoder.name)
    assert (stored.entity_type, stored.entity_id) == ("image", record.id)
    vector = np.frombuffer(stored.parts[0], "<f2").astype(np.float32)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)


def test_a_file_that_was_deleted_meanwhile_gets_no_vectors(
    upload: Upload, embed: Embed, broker: Broker, encoder: Any, photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = upload(photos["chelsea.png"], "image")
    read = contents.read_picture

    def read_while_it_is_deleted(path: Path, seconds: float):
        broker.redis.delete(broker.keys.media(record.id))
        return read(path, seconds)

    monkeypatch.setattr(contents, "read_picture", read_while_it_is_deleted)
    with pytest.raises(NotFound):
        embed(record)
    assert list(broker.vectors.all("acme", encoder.name)) == []


@pytest.mark.parametrize(
    ("name", "kind", "data", "says"),
    [
        ("a.png", "image", b"\0junk", "cannot be read as a picture"),
        ("a.mp4", "video", b"\0junk", "cannot be read as a video"),
        ("a.pdf", "document", b"\0junk", "cannot be read as a PDF"),
        ("what nobody sees.txt", "document", "\u200b\ufeff\u200b".encode(), "no text"),
    ],
)
def test_what_cannot_be_embedded_fails_for_good_and_leaves_nothing(
    upload: Upload,
    embed: Embed,
    broker: Broker,
    encoder: Any,
    tmp_path: Path,
    name: str,
    kind: str,
    data: bytes,
    says: str,
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PermanentError, match=says):
        embed(upload(tmp_path / name, kind))
    assert broker.vectors.version("acme", encoder.name) == ""


def test_a_file_of_another_kind_or_none_at_all_fails_for_good(
    upload: Upload, embed: Embed, photos: dict[str, Path]
) -> None:
    record = upload(photos["chelsea.png"], "image")
    with pytest.raises(PermanentError, match="of type image, not video"):
        embed(record, entity_type="video")
    with pytest.raises(PermanentError, match="no media file"):
        embed(record, entity_id=str(uuid4()))


def test_a_task_for_another_generation_is_left_to_others(
    broker: Broker, upload: Upload, embed: Embed, encoder: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A tale of two cities.")
    record = upload(path, "document")
    with pytest.raises(Postpone):
        embed(record, generation="another+1")
    assert broker.vectors.get("acme", encoder.name, record.id) is None
    assert embed(record, generation=encoder.name)["vectors"] > 0
