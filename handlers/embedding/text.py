"""Documents of plain text, cut into passages that the model reads whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from broker.errors import PermanentError

#: Bytes of a document that are read: most novels have fewer, and a million characters take seconds to tokenise.
_MAX_BYTES = 1_000_000
#: Tokens of a passage, and how many of them are also in the next one. A passage of prose is a paragraph or two.
_PASSAGE, _OVERLAP = 200, 40
_MOST_PASSAGES = 200


def read_text(path: Path) -> str:
    """The beginning of the text. Raises ``PermanentError`` when there is nothing to read in it."""
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES).decode("utf-8-sig", "replace")
    if not text.strip():
        raise PermanentError("There is no text in this file.")
    return text


def passages(text: str, tokenizer: Any, longest: int) -> list[str]:
    """Overlapping passages of at most ``longest`` tokens in the order of the text; of too many, evenly spread ones.

    ``tokenizer`` is a fast one of transformers, which tells where in the text each token stands.
    """
    size = min(_PASSAGE, longest)
    tokens = tokenizer(text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False)
    offsets = tokens["offset_mapping"]
    starts = range(0, max(1, len(offsets) - _OVERLAP), size - _OVERLAP)
    cut = [offsets[start : start + size] for start in spread(starts, _MOST_PASSAGES)]
    return [text[window[0][0] : window[-1][1]] for window in cut]


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most ``most`` of ``items``, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(at * (len(items) - 1) / (most - 1))] for at in range(most)]
