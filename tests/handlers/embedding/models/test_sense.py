"""Guards what counts as letters without meaning: only what the model takes apart, in the letters that it knows."""

from typing import Any

import pytest

sense = pytest.importorskip("handlers.embedding.models.sense", reason="needs the extra embed")


@pytest.mark.parametrize("query", ["asdfghjkl", "mxcibssdx", "wgmja nfeick", "the rganyznts"])
def test_letters(encoder: Any, query: str) -> None:
    assert not sense.makes_sense(query, encoder.pieces)


@pytest.mark.parametrize("query", ["\U0001f98a", "\U0001f98a \U0001f600", "x" * 200, "\u732b"])
def test_what_the_model_knows_nothing_of(encoder: Any, query: str) -> None:
    assert not sense.makes_sense(query, encoder.pieces)


@pytest.mark.parametrize(
    "query",
    [
        "a lute",
        "giraffes",
        "Schmetterling",
        "Hühner",
        "Hu\u0308hner",
        "eine Brücke",
        "niño",
        "mp3",
        "2041",
        "!?",
        "",
        "\u72ac",
        "the",
        "собака на пляже",
        "a \U0001f98a",
        "fox \U0001f98a",
    ],
)
def test_words(encoder: Any, query: str) -> None:
    assert sense.makes_sense(query, encoder.pieces)
