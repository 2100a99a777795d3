"""What enrollment decides, in pure functions: programs, participants, subjects."""

from enrollment.domain import participant, program, subject

EVENTS = (*program.EVENTS, *participant.EVENTS, *subject.EVENTS)
"""Every private event of the service."""
