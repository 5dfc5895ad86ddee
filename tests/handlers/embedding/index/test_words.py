"""Guards the words of media: found as they are written, whatever is asked, and forgotten with what they belong to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

words = pytest.importorskip("handlers.embedding.index.words", reason="needs the extra embed")

MEDIA = {
    "invoice": ["Invoice INV-2041 of Sander Klootwijk", "payment is due in thirty days"],
    "beach": ["holiday at the beach"],
    "holiday": ["holiday plans, holiday photos"],
}


@pytest.fixture
def index():
    made = words.Words()
    made.add(MEDIA.items())
    return made


def best(index, query: str) -> str | None:
    found = index.covered(query)
    return max(found, key=found.get) if found else None


@pytest.mark.parametrize(
    ("query", "entity"),
    [
        ("klootwijk", "invoice"),
        ("INV-2041", "invoice"),
        ("2041", "invoice"),
        ("Payments", "invoice"),
        ("on the beaches", "beach"),
        ("beach holiday", "beach"),
        ("the of", None),
        ("zebra", None),
        ("", None),
    ],
)
def test_what_is_found(index, query: str, entity: str | None) -> None:
    assert best(index, query) == entity


@pytest.mark.parametrize(
    ("query", "text", "other"),
    [
        ("北京", "我住在北京市", "京都的北部"),
        ("犬", "犬と猫", "猫"),
        ("กรุงเทพ", "อยู่ที่กรุงเทพมหานคร", "เชียงใหม่"),
        ("हिन्दी", "यह हिन्दी है", "हम दिन में नहीं"),
        ("قطة", "قِطَّة سوداء", "كلب"),
        ("strasse", "Die alte Straße", "Die alte Gasse"),
        ("brucken", "über Brücken", "über Berge"),
        ("fire", "a \ufb01re burns", "a wire burns"),
        ("lighthouse", "the light\u00adhouse", "the light"),
        ("\uff46\uff4f\uff58", "red fox", "red ox"),
        ("서울", "어제 서울에서 만났다", "부산에서 만났다"),
        ("고양이", "고양이가 잔다", "강아지가 잔다"),
        ("lodz sorensen", "S\u00f8rensen i \u0141\u00f3d\u017a", "lots of sores"),
        ("\u00c6r\u00f8", "the isle of aero", "the isle of era"),
        ("lighthouse", "an old light-\nhouse", "an old light"),
        ("k\u00f6niglich", "die k\u00f6nig-\n  liche Post und die k\u00f6nig\u00ad\nlich", "der K\u00f6nig"),
    ],
)
def test_words_are_found_in_any_script(query: str, text: str, other: str) -> None:
    made = words.Words()
    made.add([("wanted", [text]), ("other", [other])])
    assert made.covered(query) == {"wanted": pytest.approx(1)}


def test_a_text_that_has_all_words_is_worth_one_and_rare_words_weigh_more(index) -> None:
    assert index.covered("the beach holiday")["beach"] == pytest.approx(1)
    found = index.covered("an invoice of the holiday")
    assert 1 > found["invoice"] > found["holiday"] > 0.4
    assert index.covered("holiday zebra elephant") == {}


def test_some_that_have_little_of_a_query_count_where_that_is_asked_for(index, monkeypatch: pytest.MonkeyPatch) -> None:
    some = index.covered("holiday zebra", {"beach", "invoice"}.__contains__)
    assert list(some) == ["beach"]
    assert 0.2 < some["beach"] < 0.4
    assert index.covered("holiday zebra") == {}
    assert index.covered("holiday zebra elephant lion", {"beach"}.__contains__) == {}
    monkeypatch.setattr(words, "_MOST_PARTLY", 2)
    index.add([(str(number), ["zebra"]) for number in range(5)])
    assert len(index.covered("zebra lion", lambda entity_id: True)) == 2


def test_of_each_text_it_is_told_how_much_of_the_query_it_has(index) -> None:
    shares = index.shares("an invoice due in days", ["invoice", "beach", "nobody"])
    assert [len(each) for each in shares.values()] == [2, 1, 0]
    name, terms = shares["invoice"]
    assert terms > name > 0.3
    assert name + terms == pytest.approx(1)
    assert shares["beach"] == [0]
    assert index.shares("holiday zebra elephant lion", ["beach"])["beach"] == [0]
    index.remove("invoice")
    index.add([("invoice", ["nothing", "overdue", "an invoice"])])
    assert [share > 0 for share in index.shares("invoice", ["invoice"])["invoice"]] == [False, False, True]


def test_what_stands_in_most_sentences_tells_nothing_unless_it_is_all_there_is(index) -> None:
    assert index.covered("why would you have been at the beach")["beach"] == pytest.approx(1)
    index.add([("film", ["Up (2009)"]), ("other", ["down and out"])])
    assert best(index, "up") == "film"


def test_what_comes_between_two_equal_queries_is_found_by_the_second(index) -> None:
    assert best(index, "beach") == "beach"
    index.remove("beach")
    index.add([("strand", ["another beach"])])
    assert index.covered("beach").keys() == {"strand"}
    assert index.shares("beach", ["strand", "beach"])["strand"].tolist() == [1.0]


def test_accents_and_forms_of_letters_make_no_difference() -> None:
    index = words.Words()
    index.add([("a", ["Caf\u00e9 \u00dcberraschung"]), ("b", ["\u732b\u3068\u72ac"])])
    assert best(index, "cafe") == best(index, "cafe\u0301") == best(index, "\u00dcBERRASCHUNG") == "a"
    assert best(index, "\u732b\u3068\u72ac") == "b"


def test_what_is_removed_or_replaced_is_found_no_more(index) -> None:
    index.remove("invoice")
    index.remove("nobody")
    index.remove("beach")
    index.add([("beach", ["harbour"])])
    assert best(index, "klootwijk") is None
    assert best(index, "beach") is None
    assert best(index, "harbour") == "beach"
    assert not index.wasteful


def test_texts_that_come_in_pieces_take_no_more_room_and_are_found_before_the_last_has_come() -> None:
    texts = [(str(number), [f"report {number} on {number * 7919}"]) for number in range(2000)]
    whole, pieces = words.Words(), words.Words()
    whole.add(texts)
    whole.commit()
    for at in range(0, len(texts), 20):
        pieces.add(texts[at : at + 20])
        assert pieces.covered(f"{at * 7919}") == {str(at): 1.0}
    in_between = words.Words()
    for at in range(0, len(texts), 20):
        in_between.add(texts[at : at + 20])
    in_between.commit()
    assert in_between.nbytes == whole.nbytes


def test_a_word_of_very_many_texts_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_TOO_MANY", 20)
    index = words.Words()
    index.add([(str(number), [f"report {number}"]) for number in range(30)])
    assert index.covered("report") == {}
    assert index.covered("report 7") == {"7": pytest.approx(1)}
    for number in range(16):
        index.remove(str(number))
    assert index.wasteful
    assert index.nbytes > 0


@given(st.text(max_size=60))
def test_nothing_that_is_asked_breaks_it(query: str) -> None:
    index = words.Words()
    index.add([("a", [query]), ("b", ["fox"])])
    assert all(0 <= share <= 1.0001 for share in index.covered(query).values())
    index.covered(f'fox" OR {query}')
