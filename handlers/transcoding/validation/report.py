"""What a validation found: where, against which rule, and in words."""

from collections.abc import Iterator
from dataclasses import dataclass, field

#: More of one kind in one place say nothing new.
_MOST_ALIKE = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """``where`` is a playlist or file, with the line where one is to blame; ``rule`` names who demands it."""

    where: str
    rule: str
    message: str
    #: Whether players may fail; else it is advice.
    error: bool = True

    def __str__(self) -> str:
        return f"{'error' if self.error else 'advice'}: {self.where}: {self.message} [{self.rule}]"


@dataclass(slots=True)
class Report:
    """Findings in the order in which they were made; many alike are cut short, and counted."""

    findings: list[Finding] = field(default_factory=list)
    alike: dict[tuple[str, str, bool], int] = field(default_factory=dict)

    def error(self, where: str, rule: str, message: str) -> None:
        self._add(Finding(where, rule, message))

    def advice(self, where: str, rule: str, message: str) -> None:
        self._add(Finding(where, rule, message, error=False))

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.error]

    def lines(self) -> Iterator[str]:
        """For a person: one line for each finding, and one for what was cut short."""
        yield from map(str, self.findings)
        for (where, rule, _), count in self.alike.items():
            if count > _MOST_ALIKE:
                yield f"  ... and {count - _MOST_ALIKE} more of [{rule}] in {where}"

    def _add(self, finding: Finding) -> None:
        kind = (finding.where.partition(":")[0], finding.rule, finding.error)
        self.alike[kind] = self.alike.get(kind, 0) + 1
        if self.alike[kind] <= _MOST_ALIKE:
            self.findings.append(finding)
