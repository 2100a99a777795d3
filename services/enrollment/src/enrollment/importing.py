"""Sign-ups, one or many thousand: who is who and who reports to whom is settled in sets, then one command a person.

The commands of a set are submitted together, so the store loads, seals and appends them together. What went in stays in
when a later set fails: the same file again goes on from there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from uuid import UUID

from enrollment import commands, identities, reporting_lines
from enrollment.domain.participant import (
    Entry,
    HasLeft,
    Identity,
    ParticipantEnrolled,
    Profile,
    RegionStays,
    RoleStays,
)
from enrollment.domain.subject import Details
from enrollment.identities import BlindIndex
from enrollment.signup_file import Problem, RefusedRow, Settled, SignUp, settle
from enrollment.transport import Seal
from events.runtime.group_commit import GroupCommit
from events.runtime.refusals import Refusal
from events.runtime.streams import Command, Outcome

_SET = 256
"""People at once: what one flight of the store carries."""
_COLUMN: Mapping[type[Refusal], str] = {HasLeft: "external_id", RoleStays: "role", RegionStays: "region"}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where sign-ups for one program are taken in, on behalf of one caller."""

    store: GroupCommit
    blind: BlindIndex
    seal: Seal
    program: UUID
    actor: UUID
    now: datetime
    for_oneself: bool = False
    """Who signs themselves up cannot change a manager that is known: the way out of one's own reporting line."""


@dataclass(frozen=True, slots=True)
class Application:
    """A sign-up whose people all have their ids, and the command that takes it in."""

    line: int
    participant: UUID
    command: Command


@dataclass(slots=True)
class Report:
    """What became of every row."""

    rows: int
    enrolled: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def problems(self) -> list[Problem]:
        """What to mend, by line."""
        return sorted((problem for row in self.refused for problem in row.problems), key=lambda problem: problem.line)

    def count(self, application: Application, outcome: Outcome | BaseException) -> None:
        """Note what became of one row. Raises what is no refusal."""
        if isinstance(outcome, Refusal):
            problem = Problem(application.line, _COLUMN.get(type(outcome)), outcome.detail)
            self.refused.append(RefusedRow(application.line, (problem,)))
        elif isinstance(outcome, BaseException):
            raise outcome
        elif not outcome.events:
            self.unchanged += 1
        elif any(isinstance(event, ParticipantEnrolled) for _, event in outcome.events):
            self.enrolled += 1
        else:
            self.updated += 1


async def import_rows(desk: Desk, rows: Sequence[SignUp | RefusedRow]) -> Report:
    """Take in every row that can go in. Repeating it changes nothing."""
    settled, subjects = await settle_people(desk, rows)
    report = Report(rows=len(rows), refused=list(settled.refused))
    for some in _sets(settled.accepted):
        applications = await applications_of(desk, some, settled, subjects)
        outcomes = await desk.store.execute_all([application.command for application in applications])
        for application, outcome in zip(applications, outcomes, strict=True):
            report.count(application, outcome)
    return report


async def settle_people(desk: Desk, rows: Iterable[SignUp | RefusedRow]) -> tuple[Settled[UUID], Mapping[str, UUID]]:
    """Rows whose managers are known to the top, and subjects by external id. Notes who reports to whom.

    In transactions of its own, before any command: an append must be the first write of its transaction.
    """
    rows = list(rows)
    people = {row.external_id for row in rows if row.external_id is not None}
    managers = {row.manager_id for row in rows if row.manager_id is not None} - people
    async with desk.store.pool.begin() as conn:
        subjects = {
            **await identities.subjects_of(conn, desk.blind, people, allocate=True),
            **await identities.subjects_of(conn, desk.blind, managers, allocate=False),
        }
    async with desk.store.pool.begin() as conn:
        await reporting_lines.alone(conn)
        known = await reporting_lines.known_above(conn, list(subjects.values()))
        settled = settle(rows, subjects, known, known_stays=desk.for_oneself)
        nearest = {subjects[person]: chain[0] if chain else None for person, chain in settled.chains.items()}
        await reporting_lines.put(conn, nearest)
    return settled, subjects


async def applications_of(
    desk: Desk, rows: Sequence[SignUp], settled: Settled[UUID], subjects: Mapping[str, UUID]
) -> list[Application]:
    """One command a row. Identities are sealed here, so that the decisions need no key."""
    async with desk.store.pool.begin() as conn:
        people = [subjects[row.external_id] for row in rows]
        participants = await identities.participants_of(conn, desk.program, people)
    return [
        Application(
            row.line,
            participants[person],
            commands.sign_up(
                participants[person],
                _entry(desk, row, person, participants[person], settled.chains[row.external_id]),
                Details(row.external_id, row.given_name, row.family_name, row.email),
                now=desk.now,
                actor=desk.actor,
            ),
        )
        for row, person in zip(rows, people, strict=True)
    ]


def within(rows: Iterable[SignUp | RefusedRow], regions: Collection[str]) -> Iterator[SignUp | RefusedRow]:
    """Only rows of these regions go in. Of the others it is still read who reports to whom, as of any bad row."""
    for row in rows:
        if isinstance(row, SignUp) and row.region not in regions:
            message = f"You coordinate {', '.join(regions)}. Leave the row to the coordinator of {row.region}."
            yield RefusedRow(row.line, (Problem(row.line, "region", message),), row.external_id, row.manager_id)
        else:
            yield row


def _entry(desk: Desk, row: SignUp, subject: UUID, participant: UUID, manager_chain: tuple[UUID, ...]) -> Entry:
    identity = Identity(row.identity, row.identity_wish)
    return Entry(
        program=desk.program,
        subject=subject,
        role=row.role,
        role_is_automatic=row.role_is_automatic,
        region=row.region,
        profile=Profile(
            grade=row.grade,
            unit=row.unit,
            location=row.location,
            country=row.country,
            time_zone=row.time_zone,
            working_hours=row.working_hours,
            languages=row.languages,
            manager_chain=manager_chain,
            capacity=row.capacity,
            offers=dict(row.offers),
            seeks=dict(row.seeks),
        ),
        identity=identity,
        sealed_identity=desk.seal(participant, identity),
    )


def _sets(rows: Iterable[SignUp]) -> Iterator[tuple[SignUp, ...]]:
    rest = iter(rows)
    while some := tuple(islice(rest, _SET)):
        yield some
