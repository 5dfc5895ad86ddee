"""Names of files as they are kept: what can be seen of them, whatever system they are from."""

import unicodedata


def legible(name: str) -> str:
    """A name, or a part of one, as it is kept and looked for: in composed letters, every kind of blank as the one that
    keyboards have, without anything else that cannot be seen.
    """
    composed = unicodedata.normalize("NFC", name)
    return "".join(" " if unicodedata.category(each) == "Zs" else each for each in composed if _is_seen(each)).strip()


def _is_seen(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"
