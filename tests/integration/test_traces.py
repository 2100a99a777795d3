"""A trace is right when every span of it reaches the root of the command that caused it, over every hop."""

from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Program
from integration.topics import everything_told, told_of
from viceversa.demo.traces import Trace, trace


async def test_a_withdrawal_is_one_trace_without_an_orphan_over_all_four_services(platform: Platform, program: Program):
    await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
    (pair,) = await program.pair_up()
    await program.plan(pair, pair.mentor, days=3)

    await program.withdraw(pair.mentee)

    async def withdrawal_was_told() -> str:
        told = await everything_told(platform.servers.kafka, ("viceversa.enrollment.v1",))
        (event,) = filter(told_of("ParticipantWithdrawn", participant=pair.mentee), told) or [None]
        return event.trace_id

    trace_id = await eventually(withdrawal_was_told)

    def whole() -> Trace:
        seen = trace(platform.spans, trace_id)
        assert set(seen.services) == {"enrollment", "matching", "sessions", "feedback"}
        assert seen.orphans == []
        for service in ("matching", "sessions", "feedback"):
            assert ("send viceversa.enrollment.v1", "process viceversa.enrollment.v1", service) in seen.edges
        # What a reaction appends goes on from the message that it reacts to.
        cancelled = "send viceversa.sessions.restricted.v1"
        assert ("process viceversa.enrollment.v1", cancelled, "sessions") in seen.edges
        return seen

    seen = await eventually(whole)
    (root,) = seen.roots
    assert root.service == "enrollment"
    for span in seen.spans:
        if span.kind in ("producer", "consumer"):
            assert f"{span.attributes['server.address']}:{span.attributes['server.port']}" == platform.servers.kafka
