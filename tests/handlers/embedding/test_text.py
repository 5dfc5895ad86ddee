"""Guards the cutting of documents: every word is in some passage, no passage is longer than the model reads."""

from itertools import pairwise
from pathlib import Path

import pytest

from broker.errors import PermanentError
from handlers.embedding import text


class WordTokenizer:
    """Every word is a token; it answers as transformers' fast tokenizers do."""

    def __call__(self, words: str, **_options: object) -> dict[str, list[tuple[int, int]]]:
        spans, at = [], 0
        for word in words.split():
            start = words.index(word, at)
            at = start + len(word)
            spans.append((start, at))
        return {"offset_mapping": spans}


def document(words: int) -> str:
    return " ".join(f"word{number}" for number in range(words))


@pytest.mark.parametrize("words", [1, 40, 199, 200, 201, 360, 361, 1000])
def test_passages_overlap_and_cover_everything(words: int) -> None:
    cut = [passage.split() for passage in text.passages(document(words), WordTokenizer(), 254)]
    assert all(len(passage) <= 200 for passage in cut)
    assert all(one[-40:] == other[:40] for one, other in pairwise(cut))
    kept = cut[0] + [word for passage in cut[1:] for word in passage[40:]]
    assert kept == document(words).split()


def test_a_model_that_reads_less_gets_shorter_passages() -> None:
    assert {len(each.split()) for each in text.passages(document(77), WordTokenizer(), 75)} == {75, 42}


def test_of_a_very_long_document_passages_are_spread_from_its_first_word_to_its_last() -> None:
    cut = text.passages(document(100_000), WordTokenizer(), 254)
    assert len(cut) == 200
    assert cut[0].startswith("word0 ")
    assert cut[-1].endswith("word99999")


def test_text_is_read_with_its_byte_order_mark_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffÜber uns\n".encode())
    assert text.read_text(path) == "Über uns\n"


@pytest.mark.parametrize("data", [b"", b" \n\t\n"])
def test_a_document_without_a_word_fails_for_good(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(PermanentError, match="no text"):
        text.read_text(path)
