"""The pytest plugin: the fixture ``mindia_tasks``, and two that a suite may override.

Nothing is started, or imported that costs time, before a test asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from broker.task_type import TaskType
    from scripts.testing.kit import Kit
    from scripts.testing.session import Session

_TENANT, _KEY = "tests", "a-key-of-the-tests"


@pytest.fixture
def mindia_task_types() -> dict[str, TaskType]:
    """The task types there are: those that are installed, and of ``TASK_TYPES``. Override it for others."""
    from broker.tasks.installed_types import load_types  # noqa: PLC0415

    return load_types(os.environ)


@pytest.fixture
def mindia_limits() -> bool:
    """Whether rates and concurrencies of the types hold back what a test runs. Override it to return True."""
    return False


@pytest.fixture(scope="session")
def _mindia_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Session]]:
    """Makes the private server when it is first asked for."""
    made: list[Session] = []

    def session() -> Session:
        if not made:
            from scripts.testing.session import Session  # noqa: PLC0415

            made.append(Session(tmp_path_factory.mktemp("mindia_tasks"), _TENANT, _KEY))
        return made[0]

    yield session
    for each in made:
        each.close()


@pytest.fixture
def mindia_tasks(
    _mindia_session: Callable[[], Session],
    mindia_task_types: dict[str, TaskType],
    mindia_limits: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Kit]:
    """The whole system, empty: `scripts.testing.kit.Kit`. ``MINDIA_URL`` and ``MINDIA_KEY`` lead to its gateway."""
    free: dict[str, Any] = {} if mindia_limits else {"rate": None, "concurrency": None}
    types = {name: replace(each, **free) for name, each in mindia_task_types.items()}
    with _mindia_session().kit(types, monkeypatch) as kit:
        monkeypatch.setenv("MINDIA_URL", kit.url)
        monkeypatch.setenv("MINDIA_KEY", kit.key)
        yield kit
