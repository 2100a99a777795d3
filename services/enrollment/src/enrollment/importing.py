"""Sign-ups, one or many thousand: who is who and who reports to whom is settled in sets, then one command a person.

The commands of a set are submitted together, so the store loads, seals and appends them together. What went in stays in
when a later set fails: the same file again goes on from there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from enrollment import commands, identities, reporting_lines
from enrollment.domain.participant import Entry, Identity, ParticipantEnrolled, Profile
from enrollment.domain.subject import Details
from enrollment.settling import COLUMN, Desk, People, keeping_their_place, people_of, settle_rows
from enrollment.signup_file import MOST_LEVELS, Problem, RefusedRow, Settled, SignUp, chain_above, unshortened
from events.runtime.refusals import Refusal
from events.runtime.streams import Command, Outcome

_SET = 256
"""People at once: what one flight of the store carries."""


@dataclass(frozen=True, slots=True)
class Application:
    """A sign-up whose people all have their ids, and the command that takes it in."""

    line: int
    participant: UUID
    subject: UUID
    manager_chain: tuple[UUID, ...]
    command: Command

    @property
    def manager(self) -> UUID | None:
        """Who is next above them."""
        return next(iter(self.manager_chain), None)


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
        """Note what became of one row. Raises what nobody can mend in the file."""
        if isinstance(outcome, Refusal) and not outcome.passes:
            problem = Problem(application.line, COLUMN.get(type(outcome)), outcome.detail)
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
    people = await people_of(desk, rows)
    settled = await settle_rows(desk, keeping_their_place(rows, people), people)
    report = Report(rows=len(rows), refused=list(settled.refused))
    await learn(desk, rows, settled, people)
    taken: dict[UUID, Application] = {}
    for some in _sets(settled.accepted):
        applications = await applications_of(desk, some, settled, people.subjects)
        outcomes = await desk.store.execute_all([application.command for application in applications])
        for application, outcome in zip(applications, outcomes, strict=True):
            report.count(application, outcome)
        went_in = [a for a, outcome in zip(applications, outcomes, strict=True) if isinstance(outcome, Outcome)]
        await note_lines(desk, went_in)
        taken |= {application.participant: application for application in went_in}
    await move_those_below(desk, list(taken.values()))
    return report


async def learn(desk: Desk, rows: Iterable[SignUp | RefusedRow], settled: Settled[UUID], people: People) -> None:
    """Keep who bad rows report to, where nothing is known of their people and the caller may sign them up."""
    learnt = {
        people.subjects[person]: settled.learnt[person]
        for row in rows
        if (person := row.external_id) is not None
        and person in settled.learnt
        and people.subjects[person] not in people.standing
        and (desk.regions is None or row.region in desk.regions)
    }
    if learnt:
        async with desk.store.pool.begin() as conn:
            await reporting_lines.put(conn, learnt)


async def note_lines(desk: Desk, went_in: Collection[Application]) -> None:
    """Note who reports to whom: of people who went in alone, since a refusal changes nothing."""
    if went_in:
        async with desk.store.pool.begin() as conn:
            await reporting_lines.put(conn, {application.subject: application.manager for application in went_in})


async def move_those_below(desk: Desk, went_in: Collection[Application]) -> None:
    """Everybody at or below one of these people gets the chain that holds now.

    Another import may move somebody while this one does. So each looks again at what it has written, until what it
    finds then is right: whoever writes last has looked after everybody's lines were noted.
    """
    given = {application.participant: application.manager_chain for application in went_in}
    tops = {application.subject for application in went_in if application.manager is None}
    changed = [application.subject for application in went_in]
    while changed and await _move_once(desk, changed, given, tops):
        given = {}


async def _move_once(
    desk: Desk, changed: Collection[UUID], given: Mapping[UUID, tuple[UUID, ...]], tops: Collection[UUID]
) -> bool:
    """Whether anybody's chain was another. `given` are chains just written, by participant."""
    moved = False
    after = UUID(int=0)
    while True:
        async with desk.store.pool.connect() as conn:
            page = await reporting_lines.participants_below(conn, changed, after=after, most=_SET)
            known = await reporting_lines.known_above(conn, list(page.values()))
        chains = {participant: chain_above(subject, known)[:MOST_LEVELS] for participant, subject in page.items()}
        moves = [
            commands.move_in_line(participant, page[participant], chain, tops, now=desk.now, actor=desk.actor)
            for participant, chain in chains.items()
            if participant not in given
            or unshortened(page[participant], chain, given[participant], tops) != given[participant]
        ]
        for outcome in await desk.store.execute_all(moves):
            if isinstance(outcome, BaseException):
                raise outcome
            moved = moved or bool(outcome.events)
        if len(page) < _SET:
            return moved
        after = max(page)


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
            person,
            settled.chains[row.external_id],
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
