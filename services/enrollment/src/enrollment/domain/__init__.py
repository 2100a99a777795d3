"""What enrollment decides, in pure functions: programs, participants, subjects."""

from enrollment.domain import participant, program, sign_up_file, subject

EVENTS = (*program.EVENTS, *participant.EVENTS, *subject.EVENTS, *sign_up_file.EVENTS)
"""Every private event of the service."""
