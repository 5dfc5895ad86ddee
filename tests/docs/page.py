"""A page as a list of blocks, and what is run of them.

```` ```console ```` has commands behind `$ `, each with what it prints; ```` ```bash ```` commands of which only the
success counts.
A block of another language whose first line is a comment with a file's name is written to that file.
`<!-- not run: why -->` above a block leaves it out.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
_FILE = re.compile(r"^(?:#|//) ([\w.-]+\.\w+)(?:$|:)", re.M)


@dataclass
class Command:
    """What is typed, and what the page says of the answer; ``None`` where it says nothing."""

    text: str
    expected: str | None
    line: int


@dataclass
class Block:
    language: str
    text: str
    line: int
    reason: str = ""
    commands: list[Command] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name of the file that it is, or ''."""
        found = _FILE.match(self.text) if self.language not in ("bash", "console", "") else None
        return found[1] if found else ""


def blocks(path: Path) -> list[Block]:
    text = path.read_text()
    found = []
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        reason = _NOT_RUN.search(text, 0, match.start())
        block = Block(match[1], match[2], line, reason[1] if reason else "")
        if block.language == "console":
            block.commands = list(_typed(block))
        elif block.language == "bash":
            block.commands = [Command(match[2].rstrip("\n"), None, line + 1)]
        found.append(block)
    return found


def _typed(block: Block) -> list[Command]:
    commands: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            commands.append(Command(line[2:], "", number))
        elif line.startswith("> ") and not commands[-1].expected:
            commands[-1].text += "\n" + line[2:]
        else:
            commands[-1].expected = f"{commands[-1].expected}{line}\n"
    return commands


#: What differs from run to run, and a word for it.
_MASKS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\b([0-9a-f]{8}|[0-9a-f]{12})\b"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b(mt|whsec)_[\w/+=-]+"), "SECRET"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|m|h)\b( \d+[ms]\b)?"), "TIME"),
    (re.compile(r"[ \t]+"), " "),
]


def matches(expected: str, printed: str) -> bool:
    """Whether it is what the page says: `…` stands for anything in a line, a line of it alone for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else f"{re.escape(line).replace('…', '.*')}\\n"
        for line in masked(expected).splitlines()
    )
    return re.fullmatch(pattern, masked(printed)) is not None


def masked(text: str) -> str:
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return "".join(f"{line.strip()}\n" for line in text.strip().splitlines())
