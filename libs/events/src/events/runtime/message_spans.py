"""Spans of messages: one a message on each hop, hundreds in a batch.

A span of the SDK costs more time than all else that a relay does with a message (70 of 170 µs): attributes are checked,
copied and locked whether anybody exports them or not. These are the same spans, built once they have ended and only for
processors that exist. Sampling is the tracer provider's.
"""

from collections.abc import Callable, Mapping, Sequence
from random import getrandbits
from time import time_ns

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

_SCOPE = InstrumentationScope("events.runtime")
_UNSET = Status(StatusCode.UNSET)


class MessageTracerProvider(TracerProvider):
    """The SDK's provider, which remembers its processors: message spans are handed to them when they have ended."""

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]  # the SDK's own arguments, passed on
        self.processors: list[SpanProcessor] = []

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Let it have spans from now on."""
        super().add_span_processor(span_processor)
        self.processors.append(span_processor)


class MessageSpan:
    """A span of one message, a child of `parent`, begun now. Without a provider of ours it is its parent."""

    __slots__ = ("_attributes", "_began", "_kind", "_links", "_name", "_parent", "_provider", "context")

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        parent: SpanContext,
        links: Sequence[Link],
        attributes: Callable[[], Mapping[str, AttributeValue]],
    ) -> None:
        provider = trace.get_tracer_provider()
        self._provider = provider if isinstance(provider, MessageTracerProvider) else None
        self.context = parent if self._provider is None else _child(self._provider, name, parent)
        self._name, self._kind, self._parent, self._links = name, kind, parent, links
        self._attributes = attributes
        self._began = time_ns()

    def end(self, error: BaseException | None = None) -> None:
        """The message is done, or failed."""
        provider = self._provider
        if provider is None or not provider.processors or not self.context.trace_flags.sampled:
            return
        span = ReadableSpan(
            self._name,
            context=self.context,
            parent=self._parent if self._parent.is_valid else None,
            resource=provider.resource,
            attributes=self._attributes(),
            links=self._links,
            kind=self._kind,
            status=_UNSET if error is None else Status(StatusCode.ERROR, type(error).__name__),
            start_time=self._began,
            end_time=time_ns(),
            instrumentation_scope=_SCOPE,
        )
        for processor in provider.processors:
            processor.on_end(span)


def _child(provider: TracerProvider, name: str, parent: SpanContext) -> SpanContext:
    trace_id = parent.trace_id if parent.is_valid else getrandbits(128)
    if parent.is_valid and isinstance(provider.sampler, ParentBased):
        flags = parent.trace_flags
    else:
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())
        decision = provider.sampler.should_sample(context, trace_id, name).decision
        flags = TraceFlags(TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)
    return SpanContext(trace_id, getrandbits(64), is_remote=False, trace_flags=flags)
