"""Every command of every page is typed, page by page into one shell, and prints what the page says.

``DOCS_WRITE=1`` writes what is printed into the page, below commands that have nothing there yet.
"""

import os
from pathlib import Path

import pytest

from tests.docs.conftest import Reader
from tests.docs.page import Command, blocks, masked, matches
from tests.system.running import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")), *REPOSITORY.glob("clients/*/README.md")]
RUN = [page for page in PAGES if any(block.commands for block in blocks(page))]
#: The address that the pages name.
TOLD = "http://127.0.0.1:8000"


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_command_prints_what_the_page_says(page: Path, reader: Reader) -> None:
    shell = reader.shell()
    written: list[tuple[Command, str]] = []
    try:
        for block in blocks(page):
            if block.reason:
                continue
            if block.file:
                (reader.folder / block.file).write_text(block.text)
            for command in block.commands:
                printed, status = shell.run(command.text.replace(TOLD, reader.url))
                printed = printed.replace(reader.url, TOLD)
                place = f"{page.name}:{command.line}: {command.text}"
                if os.environ.get("DOCS_WRITE") and command.expected == "":
                    written.append((command, printed))
                elif command.expected is None:
                    assert status == 0, f"{place}\nended with {status}:\n{printed}"
                else:
                    same = matches(command.expected, printed)
                    assert same, f"{place}\nprinted:\n{masked(printed)}\nnot:\n{masked(command.expected)}"
    finally:
        shell.close()
        _write(page, written)


def _write(page: Path, written: list[tuple[Command, str]]) -> None:
    lines = page.read_text().splitlines(keepends=True)
    for command, printed in reversed(written):
        at = command.line + command.text.count("\n")
        lines[at:at] = [f"{line}\n" for line in printed.strip("\n").splitlines()]
    if written:
        page.write_text("".join(lines))


def test_a_difference_is_found() -> None:
    told = "$ x  … b\n…\n2026-01-01T00:00:00Z done in 3.5s\n"
    assert matches(told, "$ x any b\nmore\nand more\n2031-05-05T01:01:01.5Z done in 12ms\n")
    assert not matches(told, "$ x any c\n2031-05-05T01:01:01Z done in 12ms\n")
    assert not matches("a\n", "a\nb\n")


def test_what_is_not_run_has_a_reason_and_commands_are_marked_as_such() -> None:
    for page in PAGES:
        for block in blocks(page):
            where = f"{page.name}:{block.line}"
            if not block.commands and not block.reason:
                typed = [
                    line for line in block.text.splitlines() if line.startswith(("$ ", "curl ", "mindia ", "make "))
                ]
                assert not typed, f"{where}: mark commands as bash or console"
