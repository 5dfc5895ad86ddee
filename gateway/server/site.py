"""What all connections of a process share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from gunicorn.config import Config

from gateway.server.answer import Answer, Application
from gateway.server.limits import Limits
from gateway.server.stores import Stores


class Allowance(NamedTuple):
    """Whose body it is, and how many bytes it may have."""

    owner: str
    size: int
    #: Bytes after which the application is given what has arrived, again and again, and the end of the request with the
    #: rest; 0: all of it together. ``gateway.piece`` says how.
    piece: int = 0
    #: A header, in capitals, with which a request wants to be given whole all the same.
    whole_with: str = ""


#: Method, path and ``Authorization`` of a request; ``None``: whoever this is may send no more than little. The
#: application is asked all the same, and says what is wrong.
Admit = Callable[[str, str, str | None], Allowance | None]


def admit_nobody(method: str, path: str, authorization: str | None) -> Allowance | None:
    """For an application that takes no large bodies."""
    return None


@dataclass
class Site:
    """The application and the rules."""

    cfg: Config
    application: Application
    #: After each answer.
    on_answer: Callable[[Answer], None] = lambda answer: None
    admit: Admit = admit_nobody
    limits: Limits = field(default_factory=Limits)
    #: Off while the process stops.
    keeps_alive: bool = True

    def __post_init__(self) -> None:
        self.stores = Stores(self.limits)
