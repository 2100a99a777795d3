"""Traces and metrics by OpenTelemetry's semantic conventions for messaging (1.38).

FastStream's own middleware overwrites `traceparent` at a relay and so cuts the trace in two; the spans of a hop are
made here.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from events.runtime.message_spans import MessageTracerProvider

TRACER = trace.get_tracer("events.runtime")
METER = metrics.get_meter("events.runtime")

_LINKS_PER_SPAN = 128

sent_messages = METER.create_counter("messaging.client.sent.messages", unit="{message}")
consumed_messages = METER.create_counter("messaging.client.consumed.messages", unit="{message}")
operation_duration = METER.create_histogram("messaging.client.operation.duration", unit="s")
process_duration = METER.create_histogram("messaging.process.duration", unit="s")
inbox_duplicates = METER.create_counter("consumer.duplicates", unit="{message}")
waiting_for_cause = METER.create_up_down_counter("consumer.waiting", unit="{message}")
consumer_lag = METER.create_gauge("consumer.lag", unit="{message}")
relay_lag = METER.create_gauge("relay.lag", unit="{event}")
projection_age = METER.create_gauge("projection.age", unit="s")
gate_age = METER.create_gauge("store.gate.age", unit="s")
other_versions = METER.create_counter("consumer.other_versions", unit="{message}")
dead_lettered = METER.create_counter("consumer.dead_letters", unit="{message}")
consumer_stopped = METER.create_up_down_counter("consumer.stopped_partitions", unit="{partition}")


class SpanFile(SpanExporter):
    """Finished spans as JSON lines, for a platform without a trace backend."""

    def __init__(self, path: Path, service: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._service = service

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them out."""
        self._file.write("".join(json.dumps(_as_json(span, self._service)) + "\n" for span in spans))
        self._file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


def _as_json(span: ReadableSpan, service: str) -> dict[str, object]:
    context = span.get_span_context()
    return {
        "trace_id": format(context.trace_id, "032x") if context else None,
        "span_id": format(context.span_id, "016x") if context else None,
        "parent_id": format(span.parent.span_id, "016x") if span.parent else None,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "service": service,
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name.lower(),
        "attributes": dict(span.attributes or {}),
        "links": [
            {"trace_id": format(link.context.trace_id, "032x"), "span_id": format(link.context.span_id, "016x")}
            for link in span.links
        ],
    }


def set_up(service: str, spans: Path | None) -> TracerProvider:
    """Tracing and metrics of this process. With neither an OTLP endpoint nor a span file nothing is exported."""
    resource = Resource.create({"service.name": service})
    provider = MessageTracerProvider(resource=resource)
    if spans is not None:
        provider.add_span_processor(
            BatchSpanProcessor(SpanFile(spans, service), max_queue_size=65_536, schedule_delay_millis=200)
        )
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see below

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"):
        # The exporters bring protobuf and requests, half a second of start-up that most local processes need not pay.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))
    return provider


def server_of(bootstrap_servers: str) -> dict[str, str | int]:
    """Attributes that say which Kafka a message goes to or comes from: the first of its addresses."""
    host, _, port = bootstrap_servers.partition(",")[0].strip().rpartition(":")
    return {"server.address": host, "server.port": int(port)} if host and port.isdigit() else {}


def traceparent_of(context: SpanContext) -> str | None:
    """W3C `traceparent` of a span, or None outside any."""
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def context_of(traceparent: str | None) -> SpanContext:
    """The span that a `traceparent` names; an invalid context when it is absent or malformed."""
    if traceparent is None:
        return trace.INVALID_SPAN_CONTEXT
    try:
        _, trace_id, span_id, flags = traceparent.split("-")
        return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    except ValueError:
        return trace.INVALID_SPAN_CONTEXT


def under(context: SpanContext) -> Context:
    """A context in which new spans are children of that span; roots when it is not valid."""
    if not context.is_valid:
        return Context()
    return trace.set_span_in_context(trace.NonRecordingSpan(context), Context())


@contextmanager
def batch_span(name: str, members: Sequence[SpanContext], kind: SpanKind = SpanKind.INTERNAL) -> Iterator[trace.Span]:
    """A span of its own for a batch, a root that links up to 128 of its members."""
    links = [Link(context) for context in members if context.is_valid][:_LINKS_PER_SPAN]
    # An exception's text may quote values; a span names its type.
    with TRACER.start_as_current_span(
        name, context=Context(), kind=kind, links=links, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def current() -> SpanContext:
    """The span that runs now; invalid outside any."""
    return trace.get_current_span().get_span_context()
