"""Words with times become lines that can be read, at the time at which they are said."""

from itertools import pairwise
from typing import Any

from broker.captions.cues import Cue
from broker.captions.speech import cues_of_words


def words(text: str, start: int = 0, each: int = 300) -> list[dict[str, Any]]:
    """One after the other, ``each`` milliseconds long."""
    return [
        {"text": word, "start": start + at * each, "end": start + (at + 1) * each}
        for at, word in enumerate(text.split())
    ]


def test_a_cue_ends_with_its_sentence_and_where_somebody_pauses() -> None:
    said = [*words("Smoke rises. It does"), *words("not fall", 3_000)]
    assert cues_of_words(said) == [
        Cue(0, 600, "Smoke rises."),  # for as long as it may without running into the next
        Cue(600, 1400, "It does"),
        Cue(3000, 3800, "not fall"),
    ]


def test_a_long_speech_is_cut_into_two_lines_of_readable_length() -> None:
    cues = cues_of_words(words("somebody who never comes to an end goes on and on and on " * 20, each=120))
    lines = [line for cue in cues for line in cue.text.split("\n")]
    assert max(map(len, lines)) <= 42
    assert all(1 <= cue.text.count("\n") + 1 <= 2 and cue.end - cue.start <= 6_000 for cue in cues)
    assert all(earlier.end <= later.start for earlier, later in pairwise(cues))
    assert " ".join(lines).split() == ("somebody who never comes to an end goes on and on and on " * 20).split()


def test_what_is_said_is_no_markup() -> None:
    assert cues_of_words(words("a<b && --> <b>c</b>"))[0].text == "a&lt;b &amp;&amp; --&gt; &lt;b&gt;c&lt;/b&gt;"


def test_words_without_a_sensible_time_are_left_out() -> None:
    odd: list[Any] = [None, -1, float("nan"), float("inf"), "0"]
    assert cues_of_words([{"text": "x", "start": each, "end": each} for each in odd]) == []
    assert cues_of_words([{"text": None, "start": 0, "end": 1}, {"start": 0, "end": 1}, {}]) == []
