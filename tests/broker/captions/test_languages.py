"""Guards that languages are told by the tags that players know."""

import pytest

from broker.captions.caption import language_tag
from broker.captions.languages import shortest


@pytest.mark.parametrize(
    ("named", "tag"),
    [
        ("eng", "en"),
        ("GER", "de"),
        ("deu", "de"),
        ("fre-CA", "fr-CA"),
        ("chi", "zh"),
        ("zho", "zh"),
        ("en", "en"),
        ("pt-BR", "pt-BR"),
        ("gsw", "gsw"),
        ("und", "und"),
        ("mul", "mul"),
        ("", ""),
    ],
)
def test_two_letters_are_the_tag_where_a_language_has_such(named: str, tag: str) -> None:
    assert shortest(named) == tag


@pytest.mark.parametrize(("named", "tag"), [("eng_us", "en-US"), ("en_us", "en-US"), ("12", "und"), ("", "und")])
def test_what_services_and_files_say_becomes_a_tag(named: str, tag: str) -> None:
    assert language_tag(named) == tag
