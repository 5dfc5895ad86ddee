"""Extras of setup.cfg are made of extras; pip only warns of one that is not there and installs the rest."""

import re
from configparser import ConfigParser
from pathlib import Path

from scripts.setup_venv import STAMPS

ROOT = Path(__file__).resolve().parents[2]


def extras() -> dict[str, str]:
    """Each with what it asks for, as it is written."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return dict(parser["options.extras_require"])


def asked(text: str) -> set[str]:
    """The extras of ours in it."""
    return {name for names in re.findall(r"(?:mindia-tasks|\.)\[([\w,]+)\]", text) for name in names.split(",")}


def test_what_is_asked_for_is_there() -> None:
    everything = "\n".join(extras().values()) + (ROOT / "requirements.txt").read_text()
    assert {"hosted", "s3"} <= asked(everything)
    assert asked(everything) | set(STAMPS) <= extras().keys()


def test_who_tests_has_all_that_runs() -> None:
    assert "run" in asked(extras()["dev"])
    assert "hosted" in asked(extras()["run"])
