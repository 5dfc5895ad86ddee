"""All routes of the API, read from its URL map, with made-up values in their paths."""

from typing import NamedTuple

from flask import Flask

from tests.gateway.conftest import VIDEO_ID
from tests.gateway.contract import template

_VALUES = {"type": "VideoTranscoding", "name": "checksum", "plugin": "checksum", "signature": "a.b.c"}


class Route(NamedTuple):
    method: str
    path: str
    #: The rule of the path, as the API document writes it: ``/api/tasks/{task_id}``.
    template: str
    #: Whether its path carries a signature instead of a key in the header.
    signed: bool


def routes(app: Flask) -> list[Route]:
    """Each method of each route, but HEAD and OPTIONS, which Flask adds, and but the page's."""
    adapter, found = app.url_map.bind("localhost"), []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("page."):
            continue
        values = {name: VIDEO_ID if name.endswith("_id") else _VALUES[name] for name in rule.arguments}
        path = adapter.build(rule.endpoint, values)
        found += [
            Route(method, path, template(rule), "signature" in rule.arguments)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        ]
    return sorted(found)
