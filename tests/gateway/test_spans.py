"""OpenTelemetry: one trace from the caller over the gateway and the submission to the run, where its SDK is wanted."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from broker import spans
from broker.broker import Broker
from broker.engine.transitions import Claimed
from broker.worker.child import Child
from broker.worker.child_state import ChildState
from broker.worker.log_pipe import LogPipe
from tests.gateway.conftest import NEW_TASK

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_MEMORY = InMemorySpanExporter()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Spans of this process, which has seen to its provider itself; a process can do so once."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(_MEMORY))
        trace.set_tracer_provider(provider)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    spans.reset()
    _MEMORY.clear()
    yield _MEMORY
    monkeypatch.undo()
    spans.reset()


def ids(span: ReadableSpan) -> tuple[str, str | None]:
    """Its own id and its parent's."""
    assert span.context and span.context.trace_id == int(TRACE, 16)
    return f"{span.context.span_id:016x}", f"{span.parent.span_id:016x}" if span.parent else None


def test_one_trace_from_the_caller_to_the_run(
    client: FlaskClient, broker: Broker, memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = client.post("/api/tasks", json=NEW_TASK, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"}).json
    sent, request = memory.get_finished_spans()
    assert (sent.name, sent.kind.name) == ("send VideoTranscoding", "PRODUCER")
    assert (request.name, request.kind.name) == ("POST /api/tasks", "SERVER")
    assert ids(request)[1] == SPAN
    assert ids(sent)[1] == ids(request)[0]
    assert task["trace"]["traceparent"] == f"00-{TRACE}-{ids(sent)[0]}-01"
    assert request.attributes and request.attributes["http.response.status_code"] == 201
    assert sent.attributes and sent.attributes["messaging.message.id"] == task["id"]
    memory.clear()
    child = Child("w1", broker.settings, broker.types, ChildState(), LogPipe())
    monkeypatch.setattr(child, "_state", SimpleNamespace(restore=lambda _: ""), raising=False)
    grant = child._claim()
    assert isinstance(grant, Claimed)
    child._work(grant)
    (run,) = memory.get_finished_spans()
    assert (run.name, run.kind.name) == ("process VideoTranscoding", "CONSUMER")
    assert ids(run)[1] == ids(sent)[0]
    assert run.status.status_code.name == "ERROR"  # there is no such video
    assert run.attributes and run.attributes["mindia_tasks.attempt"] == 1


def test_a_request_without_a_trace_begins_one(client: FlaskClient, memory: InMemorySpanExporter) -> None:
    told = client.post("/api/tasks", json=NEW_TASK).json["trace"]
    sent, request = memory.get_finished_spans()
    assert sent.context and request.context
    assert request.parent is None
    assert told["traceparent"][3:52] == f"{sent.context.trace_id:032x}-{sent.context.span_id:016x}"
    assert sent.context.trace_id == request.context.trace_id


@pytest.mark.parametrize("path", ["/api/tasks", "/api/nothing"])
def test_a_refused_request_has_its_status(client: FlaskClient, memory: InMemorySpanExporter, path: str) -> None:
    client.post(path, json={"type": "Nonsense"})
    (request,) = memory.get_finished_spans()
    assert request.attributes
    assert request.attributes["http.response.status_code"] in (404, 422)
    assert request.status.status_code.name == "UNSET"


def test_where_nobody_wants_spans_ours_are_not_even_imported() -> None:
    """redis-py imports the SDK where it is installed, whoever wants it."""
    program = (
        "import sys, broker.worker.child, gateway.app; from broker import spans; assert not spans.wanted();"
        "sys.exit('broker.otel' in sys.modules)"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environ, cwd=Path(__file__).parents[2])


def test_spans_that_nobody_can_send_are_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setattr(spans, "find_spec", lambda _: None)
    spans.reset()
    assert not spans.wanted()
    assert "the extra otel" in caplog.text
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    spans.reset()
    caplog.clear()
    assert not spans.wanted()
    assert not caplog.text
    monkeypatch.undo()
    spans.reset()
