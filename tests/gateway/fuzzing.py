"""What schemathesis asks of an operation, and how it judges the answers."""

from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.scale import examples

__all__ = ["CHECKS", "GenerationMode", "fuzz", "load_all_checks", "operations"]

#: Of each operation and kind: some 7 s in all in the suite.
EXAMPLES = examples(6, 3)
KEY = {"Authorization": "Bearer ops-key"}


@schemathesis.serializer("application/offset+octet-stream")
def _bytes_as_they_are(_: Any, value: Any) -> Any:
    return value


def operations(app: Flask) -> dict[str, Any]:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app, headers=KEY)
    return {each.ok().label: each.ok() for each in schema.get_all_operations()}


def fuzz(operation: Any, mode: GenerationMode, excluded: list[Any]) -> None:
    """Raises what schemathesis finds wrong with the answers."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(headers=KEY, excluded_checks=excluded)

    ask()
