"""What is kept of the states that were seen: how each was reached, and where fair steps lead."""

from array import array
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Graph:
    """States are numbered in the order in which they were found."""

    #: Canonical form -> number.
    numbers: dict[int, int] = field(default_factory=dict)
    #: Of each state, whence and by which step it was found.
    parents: "array[int]" = field(default_factory=lambda: array("l"))
    labels: list[str] = field(default_factory=list)
    #: Fair steps.
    fair_from: "array[int]" = field(default_factory=lambda: array("l"))
    fair_to: "array[int]" = field(default_factory=lambda: array("l"))
    #: States in which everything has ended, or which nobody has looked into yet.
    drained: list[int] = field(default_factory=list)

    def add(self, form: int, parent: int, label: str) -> int:
        """A new state's number."""
        self.numbers[form] = len(self.labels)
        self.parents.append(parent)
        self.labels.append(label)
        return len(self.labels) - 1

    def path(self, state: int) -> list[str]:
        """The labels of the shortest way to a state."""
        labels = []
        while self.parents[state] >= 0:
            labels.append(self.labels[state])
            state = self.parents[state]
        return labels[::-1]

    def stuck(self) -> int | None:
        """The first state from which no fair steps lead to the end of everything."""
        backwards: dict[int, list[int]] = {}
        for source, target in zip(self.fair_from, self.fair_to, strict=True):
            backwards.setdefault(target, []).append(source)
        ending, reached = deque(self.drained), set(self.drained)
        while ending:
            for source in backwards.get(ending.popleft(), ()):
                if source not in reached:
                    reached.add(source)
                    ending.append(source)
        return next((state for state in range(len(self.labels)) if state not in reached), None)
