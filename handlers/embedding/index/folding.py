"""What counts as a word, and as the same word, in any script: for the index of words and for marking them in a text."""

import re
import unicodedata
from collections.abc import Iterator

#: Characters of scripts that put no blanks between words: Thai to Tibetan, Burmese, Khmer, Japanese and Chinese; and of
#: Korean, which writes what *in* or *of* says in English onto its words.
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
#: Where accents and vowels are written as marks of their own: in Hebrew, Arabic and the scripts of India.
_MARKED = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0ddf"
#: What words are written with or without: soft hyphens, joiners, stretched letters, vowel points of Arabic and Hebrew.
_OPTIONAL = re.compile(
    "[\u00ad\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u200b-\u200d]+"
)
_ACCENTS = re.compile("[\u0300-\u036f]+")
#: Letters that are typed without their stroke, or as two, where a keyboard lacks them; no accent can be taken off them.
_PLAINER = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
#: A word that the end of a line parts, as printed pages have it, and how that line then ends.
_PARTING = ("-\n", "\u2010\n", "\u00ad\n")
_PARTED = re.compile("(?<![^\\W\\d_])([^\\W\\d_]{2,}+)[-\u2010\u00ad]\\n[ \\t]*([^\\W\\d_]+)")
_PLAIN = re.compile(r"[^\W_]+")
_ANY = re.compile(f"[{_UNSPACED}]+|[^\\W_{_UNSPACED}]+(?:[\u00ad\u200b-\u200d{_MARKED}]+[^\\W_{_UNSPACED}]*)*")
_RUN = re.compile(f"[{_UNSPACED}]+")


def indexed(text: str) -> str:
    """``text`` for the index. What is written without blanks is cut into single characters and pairs of them; words
    that the end of a line parts stand behind it as a whole.
    """
    whole = "\n".join([text, *(each[1] + each[2] for each in _parted(text))])
    return whole if whole.isascii() else _RUN.sub(_cut, fold(whole))


def words_of(query: str) -> Iterator[str]:
    """What ``query`` is looked up by: its words, folded; of what is written without blanks, pairs of characters."""
    for word in spans(fold(query)):
        yield from _pairs(word[0]) if _RUN.match(word[0]) else (word[0],)


def halves(text: str) -> Iterator[tuple[int, str]]:
    """Where each half of a word that the end of a line parts begins, and the whole word."""
    for each in _parted(text):
        for half in (1, 2):
            yield each.start(half), each[1] + each[2]


def _parted(text: str) -> Iterator[re.Match[str]]:
    return _PARTED.finditer(text) if any(end in text for end in _PARTING) else iter(())


def spans(text: str) -> Iterator[re.Match[str]]:
    """Each word where it stands; what is written without blanks is one."""
    return (_PLAIN if text.isascii() else _ANY).finditer(text)


def fold(text: str) -> str:
    """Without case, strokes, ligatures, wide letters and what may be left out; accents are left."""
    if text.isascii():
        return text.lower()
    plainer = unicodedata.normalize("NFC", text).casefold().translate(_PLAINER)
    return unicodedata.normalize("NFKC", _OPTIONAL.sub("", plainer))


def bare(word: str) -> str:
    """``word`` folded, without accents."""
    return word.lower() if word.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFKD", fold(word)))


def shared(word: str, wanted: set[str]) -> Iterator[tuple[int, int]]:
    """Where in ``word``, if it is one without blanks, pairs (or alone: characters) stand that are ``wanted``."""
    if not _RUN.match(word):
        return
    marked = [False] * len(word)
    for length in (1, 2):
        for at in range(len(word) - length + 1):
            if bare(word[at : at + length]) in wanted:
                marked[at : at + length] = [True] * length
    begin = None
    for at, each in enumerate([*marked, False]):
        if each and begin is None:
            begin = at
        elif not each and begin is not None:
            yield begin, at
            begin = None


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def _cut(run: re.Match[str]) -> str:
    return f" {' '.join([*run[0], *_pairs(run[0])])} "
