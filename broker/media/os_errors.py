"""What the operating system says about files, in the words of the storage interface."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from broker.errors import NotFound, StorageFull
from broker.media.storage import MISSING, unavailable

#: The disk, a quota or the largest size of a file is used up.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def reading() -> Iterator[None]:
    """A file that is not there is ``NotFound``, any other failure ``Unavailable``."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(MISSING) from error
    except OSError as error:
        raise unavailable() from error


@contextmanager
def writing() -> Iterator[None]:
    """No room is ``StorageFull``, any other failure ``Unavailable``; that something is missing is no answer here."""
    try:
        yield
    except OSError as error:
        raise (StorageFull(retry_after=60) if error.errno in _FULL else unavailable()) from error
