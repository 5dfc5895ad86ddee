"""Guards the cutting of documents: every word is in some passage, no passage is longer than the model reads."""

import re
from itertools import pairwise

import pytest

from handlers.embedding import text


def passages(words: str, longest: int) -> list[text.Passage]:
    """Where every word is a token."""
    return text.passages(words, [each.span() for each in re.finditer(r"\S+", words)], longest)


def document(words: int) -> str:
    return " ".join(f"word{number}" for number in range(words))


@pytest.mark.parametrize("words", [1, 40, 199, 200, 201, 360, 361, 1000])
def test_passages_overlap_and_cover_everything(words: int) -> None:
    cut = [passage.split() for _, passage in passages(document(words), 254)]
    assert all(len(passage) <= 200 for passage in cut)
    assert all(one[-40:] == other[:40] for one, other in pairwise(cut))
    kept = cut[0] + [word for passage in cut[1:] for word in passage[40:]]
    assert kept == document(words).split()


def test_a_model_that_reads_less_gets_shorter_passages() -> None:
    assert {len(each.split()) for _, each in passages(document(77), 75)} == {75, 27}


def test_passages_begin_and_end_where_paragraphs_do() -> None:
    paragraphs = [document(150), document(120), document(30)]
    joined = "\n\n".join(paragraphs)
    first, second = passages(joined, 254)
    assert (first.offset, first.text) == (0, paragraphs[0])
    assert second.text == joined[second.offset :]
    assert second.offset == joined.index(paragraphs[1], len(paragraphs[0]))


def test_every_passage_stands_where_it_says() -> None:
    joined = "\n \n\n".join(document(words) for words in (7, 210, 33, 90, 1, 400))
    cut = passages(joined, 254)
    assert all(joined[passage.offset :].startswith(passage.text) for passage in cut)
    assert all(one.offset < other.offset <= one.offset + len(one.text) + 4 for one, other in pairwise(cut))
    assert cut[-1].offset + len(cut[-1].text) == len(joined)


def test_a_text_without_a_word_has_no_passages() -> None:
    assert passages(" \n", 254) == []


def test_of_too_many_some_are_taken_evenly_with_the_first_and_the_last() -> None:
    assert text.spread(range(1000), 200)[:2] == [0, 5]
    assert text.spread(range(1000), 200)[-1] == 999
    assert text.spread([1, 2], 2) == [1, 2]
