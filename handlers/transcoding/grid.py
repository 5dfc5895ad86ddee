"""Where groups of pictures and segments begin when not we but the source has decided where key frames are.

Pure arithmetic, in numbers of pictures.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """``keys`` are the key frames, and ``starts`` those of them with which segments begin; both end with the number of
    all pictures.
    """

    keys: tuple[int, ...]
    starts: tuple[int, ...]
    #: By how many pictures one of the source is shown after it is decoded, at the most.
    delay: int = 0

    @property
    def longest_group(self) -> int:
        """Pictures of a group at most."""
        return max(end - key for key, end in zip(self.keys, self.keys[1:], strict=False))

    @property
    def longest(self) -> int:
        """Pictures of a segment at most."""
        return max(end - start for start, end in zip(self.starts, self.starts[1:], strict=False))

    def groups(self, segment: int) -> range:
        """Numbers of the groups that a segment consists of."""
        return range(self._group(segment), self._group(segment + 1))

    def keys_of(self, first: int, end: int) -> Sequence[int]:
        """The key frames of segments ``first`` to ``end``, which is not among them."""
        return self.keys[self._group(first) : self._group(end)]

    def _group(self, segment: int) -> int:
        """The number of the group with which a segment begins."""
        return bisect_left(self.keys, self.starts[segment])


def grid(keys: Sequence[int], frames: int, usual: int, delay: int = 0) -> Grid:
    """Segments of about ``usual`` pictures: each ends with the group by which it has five sixths of them."""
    starts = [0]
    for key in keys:
        if 6 * (key - starts[-1]) >= 5 * usual:
            starts.append(key)
    return Grid((*keys, frames), (*starts, frames), delay)
