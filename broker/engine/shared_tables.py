"""Tables that the scripts share with Python, made of Python's: what each says is written once.

They are included as the files of ``lua/include`` are, by ``-- @include status`` and ``-- @include task_fields``.
"""

from collections.abc import Iterable

from broker.status import REGISTRY, RQ_STATUS, TERMINAL, WAITING, Status
from broker.task import STORED_FIELDS


def status() -> str:
    """``STATUSES`` in the order of their ranks, what is true of each, and the two ways back.

    ``RANK``: the place of a status in an index; ``STATUS``: by what RQ calls it.
    """
    return f"""
local STATUSES = {_list(Status)}
local WAITING = {_set(WAITING)}
local TERMINAL = {_set(TERMINAL)}
local RQ_STATUS = {_table(RQ_STATUS.items())}
local REGISTRY = {_table(REGISTRY.items())}
local RANK = {{ {", ".join(f"{name} = {rank}" for rank, name in enumerate(Status))} }}
local STATUS = {_table((word, name) for name, word in RQ_STATUS.items())}
"""


def task_fields() -> str:
    """``TASK_FIELDS``: what the detail of a task is made of.

    It goes along with its event, because the hash lives on: the event must tell the same whenever and however often it
    is delivered.
    """
    return f"\nlocal TASK_FIELDS = {_list(STORED_FIELDS)}\n"


#: By the name of the include.
TABLES = {"status": status, "task_fields": task_fields}


def _list(words: Iterable[str]) -> str:
    return f"{{ {', '.join(map(_quoted, words))} }}"


def _set(words: Iterable[str]) -> str:
    return f"{{ {', '.join(f'{word} = true' for word in sorted(words))} }}"


def _table(words: Iterable[tuple[str, str]]) -> str:
    return f"{{ {', '.join(f'{name} = {_quoted(word)}' for name, word in words)} }}"


def _quoted(word: str) -> str:
    return f"'{word}'"
