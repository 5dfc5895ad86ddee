"""Each operation of the API document, with what the document allows and with what it does not, by a stranger's reading.

schemathesis makes the requests and judges the answers: no failure of the server, no status, media type, header or
member that the document does not name, nothing accepted that it forbids, nothing answered without the key that it asks
for, and nothing refused as malformed that it allows.
"""

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.scale import examples

#: Of each operation and kind: some 7 s in all in the suite.
EXAMPLES = examples(6, 3)
KEY = {"Authorization": "Bearer ops-key"}
#: They do not end, and need a server's connection.
_STREAMS = "/events"
#: What these refuse, no schema can say: of two parameters one is needed, filters and times do not go together, or not
#: with what is to be done, payloads are those of their type, names those of what there is, files what their bytes say,
#: text printable as Unicode knows it, days such as are kept, ends behind beginnings, addresses such as can be called.
_REFUSE_MORE = {
    *("GET /api/tasks", "POST /api/tasks", "POST /api/tasks/batch", "POST /api/quotes", "POST /api/queues/simulate"),
    *("PATCH /api/tasks/{task_id}", "POST /api/operations", "GET /api/usage"),
    *("GET /api/tenants/{name}", "PUT /api/tenants/{name}", "POST /api/holds", "POST /api/keys"),
    *(
        "POST /api/uploads",
        "PATCH /api/uploads/{upload_id}",
        "POST /api/videos",
        "POST /api/images",
        "POST /api/audios",
        "POST /api/documents",
        "POST /api/videos/{video_id}/captions",
        "POST /api/webhooks",
        "PATCH /api/webhooks/{webhook_id}",
        "GET /api/search",
        "POST /api/plugins/{name}/execute",
        "POST /api/videos/reprocess",
        "GET /api/videos/{video_id}/download",
        "GET /api/videos/{video_id}/download/{signature}",
        "POST /api/search",
    ),
}
#: A request of another version is told 412, whatever else is wrong with it; schemathesis takes that for a yes.
_OF_THE_PROTOCOL = {"POST /api/uploads", *(f"{each} /api/uploads/{{upload_id}}" for each in ("PATCH", "DELETE"))}
#: No search process runs here.
_UNAVAILABLE = {"GET /api/search", "POST /api/search"}


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


@pytest.mark.scales
@pytest.mark.timeout(600)  # some 20 s on a quiet machine
def test_the_whole_document(app: Flask) -> None:
    load_all_checks()
    found = []
    for label, operation in operations(app).items():
        if operation.path.endswith(_STREAMS):
            continue
        names = ["positive_data_acceptance"] if label in _REFUSE_MORE else []
        names += ["negative_data_rejection"] if label in _OF_THE_PROTOCOL else []
        names += ["not_a_server_error"] if label in _UNAVAILABLE else []
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                fuzz(operation, mode, [CHECKS.get_one(name) for name in names])
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, label  # it takes nothing that could be wrong
            except BaseExceptionGroup as failures:
                found.append(f"{label}, {mode}: {failures}")
    assert not found, "\n".join(found)
