"""Rows before they go in: who is who, which of them can stay what they are, and who stands above whom."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment import identities, queries, reporting_lines
from enrollment.domain.participant import HasLeft, Participant, RegionStays, RoleStays, keep_place
from enrollment.identities import BlindIndex
from enrollment.signup_file import Problem, RefusedRow, Settled, SignUp, settle, unshortened
from enrollment.transport import Seal
from events.runtime.group_commit import GroupCommit
from events.runtime.refusals import Refusal

COLUMN: Mapping[type[Refusal], str] = {HasLeft: "external_id", RoleStays: "role", RegionStays: "region"}
"""What to mend in a row of somebody who cannot become what it says."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where sign-ups for one program are taken in, on behalf of one caller."""

    store: GroupCommit
    blind: BlindIndex
    seal: Seal
    program: UUID
    actor: UUID
    now: datetime
    regions: Collection[str] | None
    """Where the caller may sign others up; None: everywhere, and themselves like anybody else.

    Whoever else signs themselves up cannot change a manager or a grade that is known: the way out of one's own
    reporting line.
    """


@dataclass(frozen=True, slots=True)
class People:
    """Who the rows are about, as far as they are known."""

    subjects: Mapping[str, UUID]
    """By external id."""
    standing: Mapping[UUID, Participant]
    """Those who take or took part in this program, by subject."""


async def people_of(desk: Desk, rows: Iterable[SignUp | RefusedRow]) -> People:
    """Everybody in these rows. In transactions of its own: an append must be the first write of its transaction."""
    rows = list(rows)
    people = {row.external_id for row in rows if row.external_id is not None}
    managers = {row.manager_id for row in rows if row.manager_id is not None} - people
    async with desk.store.pool.begin() as conn:
        theirs = await identities.subjects_of(conn, desk.blind, people, allocate=True)
        above = await identities.subjects_of(conn, desk.blind, managers, allocate=False)
        participants = await identities.participants_of(conn, desk.program, list(theirs.values()), allocate=False)
    async with desk.store.pool.connect() as conn:
        states = await queries.participant_states(conn, desk.store.codec, participants.values())
    standing = {subject: states[participant] for subject, participant in participants.items() if participant in states}
    return People({**above, **theirs}, standing)


async def settle_rows(desk: Desk, rows: Iterable[SignUp | RefusedRow], people: People) -> Settled[UUID]:
    """Rows whose managers are known to the top. No chain is cut short by what the file does not say."""
    rows = list(rows)
    own = None if desk.regions is None else desk.actor
    before = {
        subject: profile.manager_chain for subject, state in people.standing.items() if (profile := state.profile)
    }
    subjects = people.subjects
    async with desk.store.pool.connect() as conn:
        known = dict(await reporting_lines.known_above(conn, list(subjects.values())))
        if own in before and own not in known and before[own]:
            known[own] = before[own][0]
        subjects = await _without_strangers(conn, desk, rows, subjects, known)
    rows = [_keeping_their_grade(row, people) if _is_own(row, own, subjects) else row for row in rows]
    tops = [subject for subject, chain in before.items() if not chain]
    settled = settle(rows, subjects, known, own=own, tops=tops)
    ends = {subjects[person] for person, chain in settled.chains.items() if not chain}
    chains = {
        person: unshortened(subjects[person], chain, before.get(subjects[person], ()), ends)
        for person, chain in settled.chains.items()
    }
    return replace(settled, chains=chains)


def within(rows: Iterable[SignUp | RefusedRow], regions: Collection[str]) -> Iterator[SignUp | RefusedRow]:
    """Only rows of these regions go in. Of the others it is still read who reports to whom, as of any bad row."""
    for row in rows:
        if isinstance(row, SignUp) and row.region not in regions:
            message = f"You coordinate {', '.join(regions)}. Leave the row to the coordinator of {row.region}."
            yield _refused(row, Problem(row.line, "region", message))
        else:
            yield row


def keeping_their_place(rows: Iterable[SignUp | RefusedRow], people: People) -> Iterator[SignUp | RefusedRow]:
    """Refuse before anything is settled what the command would refuse, so that it moves nobody in their line."""
    for row in rows:
        standing = people.standing.get(people.subjects[row.external_id]) if isinstance(row, SignUp) else None
        if isinstance(row, RefusedRow) or standing is None:
            yield row
            continue
        try:
            keep_place(standing, role=None if row.role_is_automatic else row.role, region=row.region)
        except Refusal as refusal:
            yield _refused(row, Problem(row.line, COLUMN.get(type(refusal)), refusal.detail))
        else:
            yield row


def _keeping_their_grade(row: SignUp | RefusedRow, people: People) -> SignUp | RefusedRow:
    """The row, unless it gives a person another grade than is known."""
    if isinstance(row, RefusedRow):
        return row
    standing = people.standing.get(people.subjects[row.external_id])
    if standing is None or standing.profile is None or standing.profile.grade == row.grade:
        return row
    message = f"Your grade is known as {standing.profile.grade}. Keep it, or ask your coordinator to change it."
    return _refused(row, Problem(row.line, "grade", message))


async def _without_strangers(
    conn: AsyncConnection,
    desk: Desk,
    rows: Iterable[SignUp | RefusedRow],
    subjects: Mapping[str, UUID],
    known: Mapping[UUID, UUID],
) -> Mapping[str, UUID]:
    """Subjects without one's own manager if nobody has signed that person up: a login vouches for nobody."""
    people = {row.external_id for row in rows}
    own = None if desk.regions is None else desk.actor
    claimed = {row.manager_id for row in rows if _is_own(row, own, subjects)} - people
    managers = {person: subjects[person] for person in claimed if person is not None and person in subjects}
    described = await queries.details(conn, desk.store.codec, managers.values())
    met = described.keys() | known.keys() | set(known.values())
    strangers = {person for person, subject in managers.items() if subject not in met}
    return {person: subject for person, subject in subjects.items() if person not in strangers}


def _is_own(row: SignUp | RefusedRow, own: UUID | None, subjects: Mapping[str, UUID]) -> bool:
    return own is not None and row.external_id is not None and subjects.get(row.external_id) == own


def _refused(row: SignUp, problem: Problem) -> RefusedRow:
    return RefusedRow(row.line, (problem,), row.external_id, row.manager_id, row.region)
