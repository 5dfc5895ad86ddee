"""What Redis' errors mean to whoever asked: one table, from the word that an error begins with."""

import re

from redis.exceptions import RedisError, ResponseError

from broker.errors import Unavailable

#: The word of an error, also of one in a pipeline, before which redis-py puts which command it was.
_WORD = re.compile(r"(?:^|caused error: )([A-Z]+) ")

#: Seconds that are told where only a person can change something.
OPERATORS_PATIENCE = 60

_OPERATOR = "its operator has to look at it (python -m broker check)"
#: Word -> what a caller is told, and seconds after which another try may help; the gateway tells more of them in a long
#: outage.
_REFUSALS = {
    "OOM": ("The task store is full; running work is finished first.", 30),
    "MISCONF": ("The task store cannot write to its disk and takes no new work.", 30),
    "READONLY": ("The task store can only be read right now; the server that is written to is another or not up.", 2),
    "NOREPLICAS": ("The task store misses its replicas and takes no new work until they are back.", 5),
    "BUSY": ("The task store is held up by a long script.", 2),
    "LOADING": ("The task store is starting and still loads its data.", 5),
    "MASTERDOWN": ("The task store has lost its main server; another has to take over.", 5),
    "CLUSTERDOWN": ("The task store's cluster is incomplete.", 5),
    "TRYAGAIN": ("The task store's cluster is moving its data.", 2),
    "MOVED": (f"Another node of the task store's cluster holds our keys; {_OPERATOR}.", OPERATORS_PATIENCE),
    "ASK": ("The task store's cluster is moving our keys to another node.", 5),
    "CROSSSLOT": (f"The task store's cluster spreads our keys over several nodes; {_OPERATOR}.", OPERATORS_PATIENCE),
    "NOAUTH": (f"The task store asks for a password that this service was not given; {_OPERATOR}.", OPERATORS_PATIENCE),
    "WRONGPASS": (f"The task store does not know this service's user or password; {_OPERATOR}.", OPERATORS_PATIENCE),
    "NOPERM": (f"The task store does not grant this service what it needs; {_OPERATOR}.", OPERATORS_PATIENCE),
    "DENIED": (f"The task store lets only its own machine in; {_OPERATOR}.", OPERATORS_PATIENCE),
    "NOSCRIPT": ("The task store has lost its scripts; they are loaded again.", 1),
    "UNBLOCKED": ("The task store has changed its role.", 2),
}
#: Words for those errors that begin with ERR or with none, by what they contain.
_TOLD_IN_TEXT = {
    "ACL failure": "NOPERM",
    "unction not found": "NOSCRIPT",
    "with replica instances": "READONLY",
    "non local key in a cluster": "CROSSSLOT",
    "do not hash to the same slot": "CROSSSLOT",
    "AUTH <password> called without": "WRONGPASS",
}


def word_of(error: RedisError) -> str:
    """The word by which Redis tells errors apart; '' for errors that mean a mistake in a request, or none of Redis'."""
    text = str(error)
    for part, word in _TOLD_IN_TEXT.items():
        if part in text:
            return word
    found = error.status_code or ((match := _WORD.search(text)) and match[1])
    return found if found in _REFUSALS else ""


def unavailable(error: RedisError) -> Unavailable | None:
    """What to raise instead of it. ``None``: the server is well, and the mistake is ours."""
    if word := word_of(error):
        message, seconds = _REFUSALS[word]
        return Unavailable(message, retry_after=seconds)
    if "max number of clients" in str(error):
        return Unavailable("The task store has no connection left for this service.", retry_after=5)
    if not isinstance(error, ResponseError):
        return Unavailable("The task store cannot be reached right now.", retry_after=2)
    if "DB index" in str(error):
        return Unavailable(
            f"The task store has no database of that number; {_OPERATOR}.", retry_after=OPERATORS_PATIENCE
        )
    return None


def answer_lost(error: RedisError) -> bool:
    """Whether the command may have been carried out all the same."""
    return not (word_of(error) or isinstance(error, ResponseError))
