"""Which parts of a video's pictures its task makes next, while tasks that help it make others.

Whoever makes a part makes it from the same beginning, so that its bytes are the same, and stores it under the same
names. Of a helper's part only the whole counts: its record is written when all of it is stored.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence

from broker.context import TaskContext
from broker.environment.reading import read_one
from handlers.transcoding.encoder import Video
from handlers.transcoding.manifest import Manifest
from handlers.transcoding.ranges import SHARED, Part, parts

#: Seconds between looks at what helpers still make, when nothing else is left.
_PAUSE = 0.25


def shared_parts(video: Video) -> dict[str, Part]:
    """Those that other tasks may make, by name: of a long video, whatever a run can begin with in the middle.

    For a shorter one it does not pay: a helper takes seconds to get the source and to look at it.
    """
    made = parts(video.source, video.demuxer, video.plan)
    return {part.name: part for part in made if part.seeks} if video.plan.segments >= SHARED else {}


class Sharing:
    """The parts of one video that this run makes or others do."""

    def __init__(self, context: TaskContext, video: Video, manifest: Manifest, on_tick: Callable[[], None]) -> None:
        """Has as many helpers wait as are wanted; ``on_tick`` is called while they are waited for."""
        self._work = context.shared_work
        self._manifest = manifest
        self._on_tick = on_tick
        #: Those that are not made yet, by name.
        self._left = shared_parts(video)
        made = parts(video.source, video.demuxer, video.plan)
        self._own = deque(part for part in made if part.name not in self._left)
        #: Pixels of all renditions that are made.
        self.pixels = 0
        self._plan = video.plan
        if self._left:
            self._work.offer(manifest.digest, sorted(self._left), read_one(os.environ, "VIDEO_PARALLEL") - 1)

    def next(self) -> Part | None:
        """What this run makes now. Waits for what others make when nothing else is left; ``None`` when all is made."""
        if self._own:
            return self._own.popleft()
        while self._left:
            taken = self._work.take(self._manifest.digest)
            self._gather()
            mine = next((self._left[name] for name in taken.parts if name in self._left), None)
            if mine:  # perhaps of a helper that did not come to say that it is made
                self._manifest.load_more(_beginning(mine))
                return mine
            if taken.parts:  # nobody had written down that it is made
                self._work.is_made(taken.parts[0])
            elif taken.held:
                self._wait()
            elif self._left:  # nobody makes it, and what was made of it is not there any more
                return min(self._left.values(), key=lambda part: part.first)
        return None

    def made(self, part: Part) -> None:
        """All of it is stored and written down."""
        if part.rungs != (self._plan.copied,):
            self.pixels += pixels(part) * (self._plan.begins(part.end) - self._plan.begins(part.first))
        if self._left.pop(part.name, None):
            self._work.is_made(part.name)

    def rest(self, part: Part) -> list[Part]:
        """A part that is this run's, and all others that nobody else makes, which are this run's now."""
        others = list(self._own)
        if self._left:
            taken = self._work.take(self._manifest.digest, most=len(self._left))
            self._gather()
            others += [self._left[name] for name in taken.parts if name in self._left]
        self._own.clear()
        return [part, *(each for each in others if each != part)]

    def give_back(self, rest: Sequence[Part]) -> None:
        """Others may make what is missing of these."""
        for part in rest:
            if part.name in self._left:
                self._work.give_back(part.name)

    def end_sharing(self) -> None:
        """Nobody else makes anything any more: what is missing then is this run's."""
        while self._left and self._work.take(self._manifest.digest, most=len(self._left)).held:
            self._wait()
        self._gather()

    def _gather(self) -> None:
        """Learn of what others have made."""
        for name in sorted(self._work.made() & self._left.keys()):
            part = self._left[name]
            self._manifest.load_more(_beginning(part))
            if self._manifest.has_all(part):
                self.made(part)

    def _wait(self) -> None:
        self._on_tick()
        time.sleep(_PAUSE)


def pixels(part: Part) -> int:
    """Of a picture in all of its renditions."""
    return sum(rung.width * rung.height for rung in part.rungs)


def _beginning(part: Part) -> str:
    """Of the names of records about it, of which there is one for each run and set of renditions."""
    return f"{part.first:05d}-"
