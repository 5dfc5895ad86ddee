"""Spans as OpenTelemetry makes them. Imported by ``broker.spans`` alone, where its SDK is installed and wanted."""

import logging
import os
from collections.abc import Mapping
from contextvars import Token
from importlib.metadata import entry_points

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.trace import Trace

log = logging.getLogger(__name__)
_PROPAGATOR = TraceContextTextMapPropagator()


class Span:
    """See ``broker.spans.Span``."""

    def __init__(self, span: trace.Span, known: Trace, token: "Token[Context]") -> None:
        self.trace = known
        self._span = span
        self._token = token

    def end(self, error: str = "", attributes: Mapping[str, str | int] | None = None) -> None:
        self._span.set_attributes(attributes or {})
        if error:
            self._span.set_status(trace.Status(trace.StatusCode.ERROR, error))
        self._span.end()
        context.detach(self._token)


def begin(kind: str, name: str, known: Trace, attributes: Mapping[str, str | int]) -> Span:
    """See ``broker.spans.begin``."""
    # Without one that is known, inside the one that goes on in this thread, if any does.
    outer = _PROPAGATOR.extract(known.headers()) if known.traceparent else context.get_current()
    tracer = trace.get_tracer("mindia-tasks")
    span = tracer.start_span(name, context=outer, kind=trace.SpanKind[kind], attributes=attributes)
    inner = trace.set_span_in_context(span, outer)
    told: dict[str, str] = {}
    _PROPAGATOR.inject(told, inner)
    own = known._replace(traceparent=told.get("traceparent", ""), tracestate=told.get("tracestate", ""))
    return Span(span, own, context.attach(inner))


def set_up() -> None:
    """Has spans sent as OpenTelemetry's variables say, unless this program has seen to that itself."""
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "mindia-tasks"}
    provider = TracerProvider(resource=Resource.create(named))
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
        found = list(entry_points(group="opentelemetry_traces_exporter", name=name.strip()))
        if not found:
            log.warning("OTEL_TRACES_EXPORTER names %s, and no such exporter is installed", name)
        for each in found[:1]:
            provider.add_span_processor(BatchSpanProcessor(each.load()()))
    trace.set_tracer_provider(provider)


def flush() -> None:
    """See ``broker.spans.flush``."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush()
