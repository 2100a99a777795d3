"""What feedback decides on, one module a stream. Values and pure functions; the clock is an argument."""

from feedback.domain.pair import PairBegan, PairOver, PulseTaken
from feedback.domain.participant import ParticipantLeft, SheetHandedOut
from feedback.domain.program import ProgramOver, ProgramStarted
from feedback.domain.request import RematchAsked
from feedback.domain.sheet import AnswersAnnounced, SheetAnswered, SheetClosed, SheetOpened
from feedback.domain.submission import SubmissionAnnounced

EVENTS = (
    AnswersAnnounced,
    PairBegan,
    PairOver,
    ParticipantLeft,
    ProgramOver,
    ProgramStarted,
    PulseTaken,
    RematchAsked,
    SheetAnswered,
    SheetClosed,
    SheetHandedOut,
    SheetOpened,
    SubmissionAnnounced,
)
