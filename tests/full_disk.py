"""A disk without room, as far as one process can have it: no file may grow beyond a bound (EFBIG for ENOSPC)."""

import resource
from collections.abc import Iterator

import pytest

LARGEST = 2 * 1024 * 1024


@pytest.fixture
def no_large_files() -> Iterator[None]:
    """While it lasts, this process writes no file of more than `LARGEST` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
