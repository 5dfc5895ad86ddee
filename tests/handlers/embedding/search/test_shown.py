"""A picture as a query: embedded apart from what waits, and refused in words where it is none."""

from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from broker.errors import UnsupportedMedia
from handlers.media.decoding import close
from tests.handlers.embedding.conftest import NEEDS
from tests.waiting import wait_until

np = pytest.importorskip("numpy", reason=NEEDS)
shown = pytest.importorskip("handlers.embedding.search.shown", reason=NEEDS, exc_type=ImportError)


@pytest.fixture(autouse=True)
def decoders():
    """A decoder ends with the thread that has started it."""
    yield
    close()


def test_it_is_the_vector_of_that_picture_once_it_is_there(
    encoder: Any, embed_settings: Any, photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = Event()
    pictures = shown.ShownPictures(embed_settings, lambda key: nullcontext(photos[key]))
    monkeypatch.setattr(pictures, "_load", lambda: (loads.wait(20), encoder)[1])
    assert pictures.vector("chelsea.png") is None  # nobody waits while the model is loaded
    loads.set()
    wait_until(lambda: pictures.vector("chelsea.png") is not None, "the vector is there")
    cat = encoder.queries(["a cat"])[0] @ pictures.vector("chelsea.png")
    wait_until(lambda: pictures.vector("rocket.jpg") is not None, "the other vector is there")
    assert cat > encoder.queries(["a cat"])[0] @ pictures.vector("rocket.jpg") + 0.2


def test_what_is_no_picture_is_refused(encoder: Any, embed_settings: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    pictures = shown.ShownPictures(embed_settings, lambda key: nullcontext(tmp_path / key))
    pictures._encoder = encoder

    def refused() -> bool:
        try:
            return pictures.vector("a.png") is not None
        except UnsupportedMedia as error:
            return "cannot be read as a picture" in error.message

    wait_until(refused, "it is refused")
