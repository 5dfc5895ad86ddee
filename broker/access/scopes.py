"""What an API key is good for."""

from enum import StrEnum


class Scope(StrEnum):
    """None of them implies another, so that a key may submit tasks without reading any."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
