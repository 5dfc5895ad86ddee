"""What a connection waits for."""

from enum import Enum


class Phase(Enum):
    """One at a time."""

    HEAD = "a request"
    BODY = "the rest of it"
    WORK = "one of our threads"
    ANSWER = "the client, to take more of its answer"
    LINGER = "the client, to go"
    CLOSED = "nothing"
