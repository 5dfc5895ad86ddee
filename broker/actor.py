"""Who changes something, as the audit log tells it."""

import getpass
import json
import os
import socket
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is the id of an API key, ``API_KEYS:2`` for the second entry there, or ``cli:<user>@<host>``."""

    name: str
    #: Whose key it is; empty for the command line, which is nobody's.
    tenant: str = ""
    #: What the caller named its request, if it did.
    request_id: str = ""


def argument(actor: Actor | None) -> str:
    """As the scripts take it; ``None`` notes nothing."""
    return json.dumps(asdict(actor)) if actor else ""


def command_line() -> Actor:
    """The person at the terminal, or whatever runs there."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no name belongs to this user's number, as in many containers
        user = str(os.getuid())
    return Actor(f"cli:{user}@{socket.gethostname()}")
