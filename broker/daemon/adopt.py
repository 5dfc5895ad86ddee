"""Takes over what comes into adopted queues of an RQ system, and tells RQ of tasks that ended without their runner."""

from broker.adoption.adoption import Adoption

_EVERY = 1.0
#: Looks between two at how tasks have ended.
_SETTLED = 10


class Adopt:
    name = "adopt"

    def __init__(self, adoption: Adoption) -> None:
        self._adoption = adoption
        self._looks = 0

    def tick(self) -> float:
        moved = 0
        for queue in self._adoption.queues:
            moved += self._adoption.move(queue)  # also what was taken when the queue was still adopted
            if self._looks % _SETTLED == 0:
                self._adoption.settle(queue)
        self._looks += 1
        return 0.0 if moved else _EVERY
