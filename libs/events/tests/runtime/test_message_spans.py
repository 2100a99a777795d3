from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from opentelemetry.trace import Link, SpanKind, StatusCode

from events.runtime.message_spans import MessageSpan, MessageTracerProvider
from events.runtime.telemetry import context_of

SENDER = context_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
NOT_SAMPLED = context_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    yield from exporting(monkeypatch)


def exporting(monkeypatch: pytest.MonkeyPatch, sampler: Sampler | None = None) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = MessageTracerProvider(resource=Resource({"service.name": "tests"}), sampler=sampler)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def span_of(parent: trace.SpanContext) -> MessageSpan:
    return MessageSpan(
        "process topic", SpanKind.CONSUMER, parent, [Link(SENDER)], lambda: {"messaging.system": "kafka"}
    )


def test_a_message_span_is_a_child_of_its_sender_with_all_that_was_said_of_it(exporter: InMemorySpanExporter):
    span = span_of(SENDER)
    span.end()
    (exported,) = exporter.get_finished_spans()
    assert exported.name == "process topic"
    assert exported.kind is SpanKind.CONSUMER
    assert exported.parent == SENDER
    assert exported.context == span.context
    assert exported.context.trace_id == SENDER.trace_id
    assert exported.context.span_id != SENDER.span_id
    assert [link.context for link in exported.links] == [SENDER]
    assert exported.attributes == {"messaging.system": "kafka"}
    assert exported.resource.attributes["service.name"] == "tests"
    assert exported.end_time >= exported.start_time
    assert exported.to_json()


def test_a_message_that_failed_says_so_and_never_what_was_in_it(exporter: InMemorySpanExporter):
    span_of(SENDER).end(ValueError("a secret"))
    (exported,) = exporter.get_finished_spans()
    assert exported.status.status_code is StatusCode.ERROR
    assert exported.status.description == "ValueError"


def test_a_message_without_a_trace_begins_one(exporter: InMemorySpanExporter):
    span = span_of(trace.INVALID_SPAN_CONTEXT)
    span.end()
    (exported,) = exporter.get_finished_spans()
    assert span.context.is_valid
    assert exported.parent is None


def test_a_trace_that_is_not_sampled_goes_on_and_is_not_exported(exporter: InMemorySpanExporter):
    span = span_of(NOT_SAMPLED)
    span.end()
    assert span.context.trace_id == NOT_SAMPLED.trace_id
    assert not span.context.trace_flags.sampled
    assert exporter.get_finished_spans() == ()


def test_the_providers_sampler_decides_where_it_does_not_follow_the_parent(monkeypatch: pytest.MonkeyPatch):
    for exporter in exporting(monkeypatch, ALWAYS_OFF):
        span_of(SENDER).end()
        assert exporter.get_finished_spans() == ()


def test_nothing_is_asked_of_a_span_that_nobody_exports(monkeypatch: pytest.MonkeyPatch):
    provider = MessageTracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)

    def attributes() -> dict[str, str]:
        raise AssertionError("asked")

    span = MessageSpan("send topic", SpanKind.PRODUCER, SENDER, [], attributes)
    span.end()
    assert span.context.is_valid
