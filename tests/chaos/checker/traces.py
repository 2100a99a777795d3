"""Invariant 5: every consumed event's trace reaches the root of its command, or of the batch that appended it.

Judged by the contexts that stores and inboxes keep, hop by hop, not by exported spans: a process that is killed takes
its last spans with it, and no reader of span files could tell that from a trace that was cut.
"""

from collections.abc import Iterator

from chaos.checker.evidence import Evidence, Store, StoredEvent, trace_of
from chaos.checker.finding import Finding
from chaos.checker.routes import PUBLISHED, ce_id

NAME = "5 every trace reaches the root of its command or of its batch"

OF_A_BATCH = frozenset(
    {("feedback", "AnswersAnnounced"), ("feedback", "SubmissionAnnounced"), ("feedback", "SheetClosed")}
    | {("matching", name) for name in ("PairEnded", "PartnerReleased", "PairProposed", "PartnerReserved")}
    | {("matching", name) for name in ("ProposalLapsed", "RoundMissed")}
)
"""What the clock's batches append: their span is the root."""


def check(evidence: Evidence) -> Finding:
    """Follow every event back."""
    published = {
        ce_id(event.id, contract): event
        for service, store in evidence.stores.items()
        for event in store.events
        for contract in PUBLISHED.get((service, event.type), ())
    }
    checked = sum(len(store.inbox) + len(store.events) for store in evidence.stores.values())
    violations = [
        violation
        for service, store in evidence.stores.items()
        for violation in (*_hops(service, store, published, evidence), *_roots(service, store, evidence))
    ]
    return Finding.of(NAME, checked, violations)


def _hops(service: str, store: Store, published: dict[str, StoredEvent], evidence: Evidence) -> Iterator[str]:
    """From the producer's store over the message into the inbox."""
    for row in store.inbox:
        event = published.get(row.event_id)
        if event is None or row.event_id in evidence.record.poison:
            continue
        hop, creation = trace_of(row.headers.get("traceparent")), trace_of(row.headers.get("ce_traceparent"))
        if not hop == creation == event.trace or hop is None:
            yield (
                f"{service}.{row.consumer}: event {row.event_id} came in trace {hop}, was created in {creation},"
                f" and its store says {event.trace}"
            )


def _roots(service: str, store: Store, evidence: Evidence) -> Iterator[str]:
    """From the inbox into this store, or from a client or a batch."""
    came = {row.event_id: trace_of(row.headers.get("traceparent")) for row in store.inbox}
    for event in store.events:
        cause = event.metadata.get("causation")
        if cause is not None:
            if event.trace is None or event.trace != came.get(cause):
                named = f"{event.type} {event.id} is in trace {event.trace}"
                yield f"{service}: {named}, its cause {cause} in {came.get(cause)}"
        elif event.trace not in evidence.record.traces and (service, event.type) not in OF_A_BATCH:
            yield f"{service}: {event.type} {event.id} is in trace {event.trace}, which no client began"
        elif event.trace is None:
            yield f"{service}: {event.type} {event.id} is in no trace"
