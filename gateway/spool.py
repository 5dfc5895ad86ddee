"""Where an upload lies while it arrives: in memory, and from half a mebibyte on in a temporary file."""

from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import Any

from broker.media.os_errors import writing

_IN_MEMORY = 512 * 1024


class Spool(SpooledTemporaryFile[bytes]):
    """A temporary file that raises ``StorageFull`` or ``Unavailable`` when there is no place for it."""

    def __init__(self) -> None:
        super().__init__(max_size=_IN_MEMORY)

    def write(self, data: Any) -> int:
        with writing():
            return super().write(data)

    def seek(self, *where: int) -> int:
        """Writes what is still in the buffer, and answers the new position."""
        with writing():
            return super().seek(*where)

    def close(self) -> None:
        """Forgets it; what could not be written is not missed."""
        with suppress(OSError):
            super().close()
