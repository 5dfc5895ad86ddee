"""What a file is by its name: the command line and the page tell before they ask anybody, each by its own table."""

import re
from pathlib import Path

import pytest

from scripts.cli.commands.upload import _KIND_BY_END as KIND_BY_END
from scripts.cli.commands.upload import find_kind

_PAGE = Path(__file__).parents[3] / "gateway/page/static/uploads.js"
#: As ``kindBy`` there; what is none of them is a video.
_IN_ORDER = {"document": "DOCUMENTS", "image": "IMAGES", "audio": "SOUNDS"}


@pytest.fixture(scope="module")
def of_page() -> dict[str, re.Pattern[str]]:
    told = dict(re.findall(r"^const ([A-Z]+) = /(.*)/i;$", _PAGE.read_text(), re.MULTILINE))
    return {kind: re.compile(told[name], re.IGNORECASE) for kind, name in _IN_ORDER.items()}


@pytest.mark.parametrize("end", KIND_BY_END)
def test_the_page_takes_a_name_for_what_the_command_line_takes_it_for(
    end: str, of_page: dict[str, re.Pattern[str]]
) -> None:
    name = f"holiday{end.upper()}"
    assert next((kind for kind, names in of_page.items() if names.search(name)), "video") == find_kind(name, None)
