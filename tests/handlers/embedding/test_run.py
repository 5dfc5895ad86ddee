"""Guards the handler from a file in storage to what a search finds, and how it refuses what it cannot embed."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from broker.broker import Broker
from broker.errors import NotFound, PermanentError
from broker.media.search import SearchRequest
from tests.handlers.embedding.conftest import NEEDS, Embed, Upload

np = pytest.importorskip("numpy", reason=NEEDS)
search = pytest.importorskip("handlers.embedding.search", reason=NEEDS, exc_type=ImportError)
run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
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
            lambda tenant, media_id: broker.media.get(tenant, media_id).filename,
        )
        return [hit.filename for hit in searcher.answer(SearchRequest("acme", query, **options))]

    return go


def test_pictures_of_telling_and_of_meaningless_names_are_found(
    upload: Upload, embed: Embed, find, photos: dict[str, Path]
) -> None:
    answers = [
        embed(upload(photos["chelsea.png"], "image", "IMG_0001.png")),
        embed(upload(photos["coffee.png"], "image", "IMG_0002.png")),
        embed(upload(photos["rocket.jpg"], "image", "grandmother at the seaside.jpg")),
    ]
    assert answers == [{"model": "all-MiniLM-L6-v2", "dimensions": 384, "vectors": 1}] * 3
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
    read = run.read_picture

    def read_while_it_is_deleted(path: Path, seconds: float):
        broker.redis.delete(broker.keys.media(record.id))
        return read(path, seconds)

    monkeypatch.setattr(run, "read_picture", read_while_it_is_deleted)
    with pytest.raises(NotFound):
        embed(record)
    assert list(broker.vectors.all("acme", encoder.name)) == []


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("a.png", "image", "cannot be read as a picture"),
        ("a.mp4", "video", "cannot be read as a video"),
        ("a.pdf", "document", "application/pdf is not supported yet"),
    ],
)
def test_what_cannot_be_embedded_fails_for_good_and_leaves_nothing(
    upload: Upload, embed: Embed, broker: Broker, encoder: Any, tmp_path: Path, name: str, kind: str, says: str
) -> None:
    (tmp_path / name).write_bytes(b"\0junk")
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
