"""Guards how task types are found: installed ones and those that a variable names, and what is told of bad ones."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from broker.task_type import TaskType
from broker.tasks import installed_types
from broker.tasks.installed_types import check_named, import_named, load_types
from tests.conftest import AnyPayload

NOOP = TaskType("Noop", AnyPayload, "a:b", rate=1)
OTHER = TaskType("Other", AnyPayload, "a:b")


class Entry:
    """An installed package's entry point."""

    def __init__(self, value: str, found: Any) -> None:
        self.value = value
        self._found = found

    def load(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module whose attributes ``TASK_TYPES`` may name; nothing is installed."""
    module = ModuleType("plugins_of_tests")
    module.__dict__.update(NOOP=NOOP, OTHER=OTHER, SAME=NOOP, RIVAL=TaskType("Noop", AnyPayload, "c:d"), NUMBER=7)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(installed_types, "entry_points", lambda group: [])
    return module


def named(*attributes: str) -> dict[str, str]:
    return {"TASK_TYPES": ",".join(f"plugins_of_tests:{attribute}" for attribute in attributes)}


def test_named_types_come_in_order_with_their_overrides() -> None:
    types = load_types(named("OTHER", "NOOP") | {"NOOP_RATE": "3"})
    assert list(types) == ["Noop", "Other"]
    assert types["Noop"].rate == 3


def test_none_named_none_found() -> None:
    assert load_types({}) == load_types({"TASK_TYPES": " , "}) == {}


def test_installed_types_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[str] = []
    found = [Entry("pkg:OTHER", OTHER)]
    monkeypatch.setattr(installed_types, "entry_points", lambda group: groups.append(group) or found)
    assert set(load_types(named("NOOP"))) == {"Noop", "Other"}
    assert groups == ["mindia_tasks.types"]


def test_the_same_type_twice_is_one() -> None:
    assert set(load_types(named("NOOP", "SAME"))) == {"Noop"}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["RIVAL", "NOOP"], "plugins_of_tests:NOOP: there are two task types named Noop"),
        (["NUMBER"], "plugins_of_tests:NUMBER is 7, not a broker.task_type.TaskType"),
        (["ABSENT"], "cannot load 'plugins_of_tests:ABSENT'"),
    ],
)
def test_what_is_wrong_is_named(names: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        load_types(named(*names))


@pytest.mark.parametrize("name", ["no_such_module:X", "plugins_of_tests", "plugins_of_tests.NOOP", ":X", "x..y:Z"])
def test_a_name_that_leads_nowhere(name: str) -> None:
    with pytest.raises(ValueError, match="want module:attribute"):
        import_named(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("heavy_of_tests:nothing", "module 'heavy_of_tests' has no attribute 'nothing'"),
        ("heavy_of_tests:hand", "module 'heavy_of_tests' has no attribute 'hand'"),
        ("broker.task_type:nothing", "module 'broker.task_type' has no attribute 'nothing'"),
        ("no_such_module:handle", "No module named 'no_such_module'"),
        ("no_such_package.run:handle", "No module named 'no_such_package'"),
        (":handle", "cannot load ':handle'"),
    ],
)
def test_a_handler_that_is_not_there_is_found_without_loading_its_module(name: str, told: str, heavy: Path) -> None:
    with pytest.raises(ValueError, match=told):
        check_named(name)
    assert "heavy_of_tests" not in sys.modules


@pytest.mark.parametrize("source", ["def handle(x): ...", "from x import handle", "from x import *", "exec(x)"])
def test_a_handler_that_may_be_there_is_let_pass(source: str, heavy: Path) -> None:
    heavy.write_text(source)
    check_named("heavy_of_tests:handle")
    assert "heavy_of_tests" not in sys.modules


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that nobody is to load."""
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "heavy_of_tests.py"
    module.write_text("def handle(context): ...")
    return module


def test_an_installed_type_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Entry("pkg.types:BROKEN", ModuleNotFoundError("No module named 'pkg'"))
    monkeypatch.setattr(installed_types, "entry_points", lambda group: [broken])
    with pytest.raises(ValueError, match=r"cannot load entry point pkg.types:BROKEN: No module named 'pkg'"):
        load_types({})


def test_a_bad_override_is_named() -> None:
    with pytest.raises(ValueError, match="NOOP_RATE"):
        load_types(named("NOOP") | {"NOOP_RATE": "fast"})
