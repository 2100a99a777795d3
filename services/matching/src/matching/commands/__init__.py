"""One function a command, one module a stream: which streams it reads, and what it appends. Pure."""

from matching.commands.candidate import enroll, set_profile, withdraw
from matching.commands.ending import end_pair, let_end
from matching.commands.pair import answer, propose
from matching.commands.program import close_program, open_program
from matching.commands.round import discard, draft, miss, publish

__all__ = [
    "answer",
    "close_program",
    "discard",
    "draft",
    "end_pair",
    "enroll",
    "let_end",
    "miss",
    "open_program",
    "propose",
    "publish",
    "set_profile",
    "withdraw",
]
