"""What a field of a published event says, and whether everybody may hear it.

Every field of a contract is annotated with one kind. A public event may hold public kinds only: `registry` refuses
anything else when the module is imported, so a name or an address cannot reach a public topic by an oversight.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of information, and whether it may stand in a public event."""

    name: str
    public: bool


_IDENTIFIER = Kind("opaque identifier", public=True)
_PROGRAM_FACT = Kind("fact about a program", public=True)
_REGION = Kind("region of a program", public=True)
_ROLE = Kind("role in a program", public=True)
_COUNT = Kind("count or measure", public=True)
_DAY = Kind("calendar day", public=True)
_REASON = Kind("neutral reason", public=True)
_SUBJECT = Kind("identifier of a person across programs", public=False)
_PROFILE = Kind("profile of a person", public=False)
_ANSWER = Kind("answer of a person", public=False)
_MEETING = Kind("time of a meeting", public=False)


class Role(StrEnum):
    """What a participant is in one program."""

    MENTOR = "mentor"
    MENTEE = "mentee"


class Answer(StrEnum):
    """How one side answered a proposal."""

    ACCEPTED = "accepted"
    DECLINED = "declined"


ProgramId = Annotated[UUID, _IDENTIFIER]
ParticipantId = Annotated[UUID, _IDENTIFIER]
RoundId = Annotated[UUID, _IDENTIFIER]
PairId = Annotated[UUID, _IDENTIFIER]
SessionId = Annotated[UUID, _IDENTIFIER]

ProgramName = Annotated[str, _PROGRAM_FACT, Field(min_length=1, max_length=200)]
Days = Annotated[int, _PROGRAM_FACT, Field(ge=1, le=3660)]
Threshold = Annotated[int, _PROGRAM_FACT, Field(ge=5)]
Region = Annotated[str, _REGION, Field(min_length=1, max_length=60)]
Regions = Annotated[tuple[str, ...], _REGION]
RoleInProgram = Annotated[Role, _ROLE]
Instrument = Annotated[str, _PROGRAM_FACT, Field(min_length=1, max_length=60)]
Count = Annotated[int, _COUNT, Field(ge=0)]
Measure = Annotated[float, _COUNT]
Minutes = Annotated[int, _COUNT, Field(ge=1, le=600)]
Day = Annotated[date, _DAY]
NeutralReason = Annotated[str, _REASON]

SubjectId = Annotated[UUID, _SUBJECT]
SubjectIds = Annotated[tuple[UUID, ...], _SUBJECT]
Grade = Annotated[int, _PROFILE, Field(ge=1, le=100)]
Profile = Annotated[str, _PROFILE, Field(max_length=200)]
Profiles = Annotated[tuple[str, ...], _PROFILE]
Topics = Annotated[dict[str, int], _PROFILE]
Capacity = Annotated[int, _PROFILE, Field(ge=1, le=3)]
Sealed = Annotated[str | None, _PROFILE, Field(max_length=2000)]
ProposalAnswer = Annotated[Answer, _ANSWER]
Instant = Annotated[AwareDatetime, _MEETING]
