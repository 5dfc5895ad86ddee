"""The plugin as another suite gets it: by its entry point, in a project of its own."""

import configparser
from pathlib import Path

import pytest

from tests.docs.page import blocks

pytest_plugins = ["pytester"]
ROOT = Path(__file__).resolve().parents[3]
SUITE = """
import os
import urllib.request

import pytest
from marshmallow import fields

from broker.schema import Schema
from broker.task_type import TaskType


class Greeting(Schema):
    name = fields.String(required=True)


def greet(context):
    return {"text": "Hello " + context.payload["name"]}


@pytest.fixture
def mindia_task_types():
    return {"Greeting": TaskType("Greeting", Greeting, __name__ + ":greet")}


def test_one(mindia_tasks):
    with mindia_tasks.inline():
        assert mindia_tasks.submit("Greeting", {"name": "Ada"}).result == {"text": "Hello Ada"}
    assert os.environ["MINDIA_KEY"] == mindia_tasks.key
    assert urllib.request.urlopen(os.environ["MINDIA_URL"] + "/livez").status == 200


def test_two(mindia_tasks):
    mindia_tasks.assert_submitted("Greeting", {"name": "Ada"})
"""
#: By the module, whether the entry point is installed or not.
LOAD = ("-p", "no:mindia_tasks", "-p", "scripts.testing.plugin", "-p", "no:cacheprovider")


def test_it_works_in_a_project_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_inprocess(*LOAD)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: 0 such tasks, not at least one; submitted were:", "*nothing"])


def test_the_page_tells_it_as_it_is(pytester: pytest.Pytester) -> None:
    """The files of docs/start.md and docs/how-to.md, as they stand there."""
    files = {block.file: block.text for page in ("start", "how-to") for block in blocks(ROOT / "docs" / f"{page}.md")}
    pytester.makepyfile(**{name: files[f"{name}.py"] for name in ("greetings", "test_greetings")})
    pytester.syspathinsert()
    pytester.runpytest_inprocess(*LOAD).assert_outcomes(passed=3)


def test_its_own_types_are_the_installed_ones(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(mindia_tasks):
            mindia_tasks.stub("VideoTranscoding", {})
            video = {"video_id": "550e8400-e29b-41d4-a716-446655440000"}
            with mindia_tasks.inline():
                assert mindia_tasks.submit("VideoTranscoding", video).status == "completed"
        """
    )
    pytester.runpytest_inprocess(*LOAD).assert_outcomes(passed=1)


def test_the_entry_point_names_it() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["options.entry_points"]["pytest11"].strip() == "mindia_tasks = scripts.testing.plugin"
