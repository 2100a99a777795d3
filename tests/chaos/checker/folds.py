"""What each table must hold, told from events and inbox rows alone: a second, plain way to every projection."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaos.checker.evidence import Store, StoredEvent
from chaos.checker.routes import contract_of

Row = dict[str, Any]


def _heard(store: Store, consumer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in store.inbox:
        if row.consumer == consumer:
            yield contract_of(row.headers["ce_type"]) or "", row.payload


def _told(store: Store, *types: str) -> Iterator[StoredEvent]:
    return (event for event in store.events if event.type in types)


def _picked(data: Mapping[str, Any], *names: str) -> Row:
    return {name: data[name] for name in names}


def members(store: Store) -> Iterable[Row]:
    """Who is which participant, where, as what, and whether still."""
    rows: dict[str, Row] = {}
    for contract, data in _heard(store, "membership"):
        if contract == "CoordinatorAssigned":
            continue
        unknown = {"subject": None, "region": None, "role": None, "active": True}
        row = rows.setdefault(data["participant"], _picked(data, "participant", "program") | unknown)
        match contract:
            case "ParticipantEnrolled":
                row |= _picked(data, "region", "role")
            case "ParticipantLinked":
                row |= _picked(data, "subject")
            case "ParticipantWithdrawn":
                row["active"] = False
    return rows.values()


def coordinators(store: Store) -> Iterable[Row]:
    """Regions of each coordinator, as assigned last."""
    heard = [data for contract, data in _heard(store, "membership") if contract == "CoordinatorAssigned"]
    return {
        (data["program"], data["subject"]): _picked(data, "program", "subject", "regions") for data in heard
    }.values()


def participants(store: Store) -> Iterable[Row]:
    """Everybody who enrolled."""
    return [
        {"participant": event.stream, **_picked(event.data, "program", "region")}
        for event in _told(store, "ParticipantEnrolled")
    ]


def enrollment_programs(store: Store) -> Iterable[Row]:
    """Programs and how far each has come."""
    rows: dict[str, Row] = {}
    for event in _told(store, "ProgramDrafted", "ProgramOpened", "ProgramClosed"):
        if event.type == "ProgramDrafted":
            terms = _picked(event.data["terms"], "name", "starts_on", "ends_on")
            rows[event.stream] = {"program": event.stream, "state": "draft", **terms}
        else:
            rows[event.stream]["state"] = "open" if event.type == "ProgramOpened" else "closed"
    return rows.values()


def partners(store: Store) -> Iterable[Row]:
    """Who has met whom, both ways."""
    pairs_ = [(data["mentor"], data["mentee"]) for _, data in _heard(store, "partners")]
    both = {*pairs_, *((mentee, mentor) for mentor, mentee in pairs_)}
    return [{"participant": participant, "partner": partner} for participant, partner in both]


def units(store: Store) -> Iterable[Row]:
    """The unit that each participant said last."""
    heard = [data for _, data in _heard(store, "units")]
    return {data["participant"]: _picked(data, "participant", "unit") for data in heard}.values()


def candidates(store: Store) -> Iterable[Row]:
    """Who takes part in rounds, and their places."""
    flags = {"role": None, "enrolled": False, "profiled": False, "withdrawn": False, "places_held": 0, "confirmed": 0}
    rows: dict[str, Row] = {}
    for event in store.events:
        if event.type not in _OF_CANDIDATES:
            continue
        row = rows.setdefault(event.data["participant"], _picked(event.data, "participant", "program") | flags)
        match event.type:
            case "CandidateEnrolled":
                row |= {"role": event.data["role"], "enrolled": True}
            case "CandidateProfileSet":
                row |= {"role": event.data["role"], "profiled": True}
            case "PartnerReserved":
                row["places_held"] += 1
            case "PartnerConfirmed":
                row["confirmed"] += 1
            case "PartnerReleased":
                row["places_held"] -= 1
                row["confirmed"] -= event.data["was_confirmed"]
            case "CandidateWithdrew":
                row["withdrawn"] = True
    return rows.values()


_OF_CANDIDATES = frozenset(
    {"CandidateEnrolled", "CandidateProfileSet", "PartnerReserved", "PartnerConfirmed", "PartnerReleased"}
    | {"CandidateWithdrew"}
)


def rounds(store: Store) -> Iterable[Row]:
    """Rounds and their states."""
    rows: dict[str, Row] = {}
    for event in _told(store, "RoundDrafted", "RoundPublished", "RoundDiscarded"):
        if event.type == "RoundDrafted":
            new = _picked(event.data, "round", "program", "number") | {"state": "draft", "published_at": None}
            rows[event.data["round"]] = new
        elif event.type == "RoundPublished":
            rows[event.data["round"]] |= {"state": "published", "published_at": event.metadata["at"]}
        else:
            rows[event.data["round"]]["state"] = "discarded"
    return rows.values()


_STATES = {
    "PairProposed": "proposed",
    "ProposalLapsed": "lapsed",
    "PairCreated": "created",
    "ProposalClosed": "closed",
    "PairEnded": "ended",
}
_OF_A_PAIR = ("program", "round", "mentor", "mentee", "mentor_region", "mentee_region")


def pairs(store: Store) -> Iterable[Row]:
    """Pairs by the newest event of each one's own stream; a draft is the round's alone."""
    rows: dict[str, Row] = {}
    for event in _told(store, "ProposalsDrafted", "RoundDiscarded", "ProposalAnswered", *_STATES):
        data = event.data
        if event.type == "ProposalsDrafted":
            for one in data["proposals"]:
                of_round = _picked(data, "program", "round") | _picked(one, "pair", *_OF_A_PAIR[2:])
                rows.setdefault(one["pair"], of_round | {"state": "drafted", "version": 0, "explanation": None})
        elif event.type == "RoundDiscarded":
            rows = {pair: row for pair, row in rows.items() if row["round"] != data["round"] or row["version"]}
        else:
            if event.type in {"PairProposed", "ProposalLapsed"}:
                begun = _picked(data, "pair", *_OF_A_PAIR) | {"explanation": data.get("explanation")}
                rows[data["pair"]] = rows.get(data["pair"], {}) | begun
            declined = data.get("answer") == "declined"
            answered = "declined" if declined else "mentor_accepted"
            rows[data["pair"]] |= {"state": _STATES.get(event.type, answered), "version": event.version}
    return rows.values()


def missed(store: Store) -> Iterable[Row]:
    """Whom rounds left out, and whether their own stream knows."""
    told: dict[tuple[str, str], bool] = {}
    for event in _told(store, "UnmatchedDrafted", "RoundMissed", "RoundDiscarded"):
        round_ = event.data["round"]
        match event.type:
            case "UnmatchedDrafted":
                for one in event.data["unmatched"]:
                    told.setdefault((round_, one["participant"]), False)
            case "RoundMissed":
                told[round_, event.data["participant"]] = True
            case _:
                told = {key: known for key, known in told.items() if key[0] != round_}
    return [{"round": key[0], "participant": key[1], "told": known} for key, known in told.items()]


def endings(store: Store) -> Iterable[Row]:
    """Pairs whose end is due or done."""
    rows: dict[str, Row] = {}
    for event in _told(store, "EndDue", "PairEnded"):
        row = rows.setdefault(event.data["pair"], {"pair": event.data["pair"], "due_at": None, "ended": False})
        row |= {"due_at": event.data["due_at"]} if event.type == "EndDue" else {"ended": True}
    return rows.values()


def sessions_programs(store: Store) -> Iterable[Row]:
    """What sessions needs of a program."""
    rows: dict[str, Row] = {}
    for contract, data in _heard(store, "programs"):
        if contract == "ProgramOpened":
            terms = _picked(data, "program", "cadence_days", "sessions_per_pair", "rating_threshold")
            rows[data["program"]] = terms | {"over": False}
        else:
            rows[data["program"]]["over"] = True
    return rows.values()


def engagements(store: Store) -> Iterable[Row]:
    """One row a pair that began; what only planned sessions of no pair has none."""
    rows: dict[str, Row] = {}
    for event in _told(store, *_OF_ENGAGEMENTS):
        if event.type == "EngagementBegun":
            places = _picked(event.data, "program", "mentor", "mentee", "mentor_region", "mentee_region")
            unknown = {"proposed_by": None, "cadence_days": None, "agreed_at": None, "over": False}
            rows[event.stream] = {"pair": event.stream, "begun_at": event.metadata["at"], **places, **unknown}
        if event.stream not in rows:
            continue
        row = rows[event.stream]
        row["version"] = event.version
        match event.type:
            case "AgreementProposed":
                row |= {"proposed_by": event.data["by"], "cadence_days": event.data["cadence_days"]}
            case "AgreementSigned":
                row["agreed_at"] = event.data["signed_at"]
            case "EngagementEnded":
                row["over"] = True
    return rows.values()


_OF_ENGAGEMENTS = (
    "EngagementBegun", "AgreementProposed", "AgreementSigned", "SessionPlanned", "SessionCancelled", "SessionDropped",
    "SessionLogged", "EngagementEnded",
)  # fmt: skip


def sessions(store: Store) -> Iterable[Row]:
    """One row a session that was planned."""
    rows: dict[str, Row] = {}
    for event in _told(store, "SessionPlanned", "SessionCancelled", "SessionDropped", "SessionLogged"):
        if event.type == "SessionPlanned":
            plan = _picked(event.data, "session", "starts_at", "minutes")
            rows[event.data["session"]] = {"pair": event.stream, "state": "planned", "number": None, **plan}
        elif event.type == "SessionLogged":
            held = {"state": "held", "starts_at": event.data["held_at"], **_picked(event.data, "minutes", "number")}
            rows[event.data["session"]] |= held
        else:
            rows[event.data["session"]] |= {"state": "cancelled", "number": None}
    return rows.values()


_OF_A_SHEET = (
    "sheet", "participant", "program", "role", "instrument", "edition", "pair", "number", "rating_threshold",
    "comment_threshold", "due_at",
)  # fmt: skip


def sheets(store: Store) -> Iterable[Row]:
    """Sheets, and whether they were answered."""
    rows: dict[str, Row] = {}
    for event in _told(store, "SheetOpened", "SheetAnswered", "SheetClosed", "AnswersAnnounced"):
        if event.type == "SheetOpened":
            unanswered = {"state": "open", "answered_at": None, "day": None, "announced": False}
            rows[event.stream] = _picked(event.data, *_OF_A_SHEET) | unanswered
        row = rows[event.stream]
        row["version"] = event.version
        match event.type:
            case "SheetAnswered":
                row |= {"state": "answered", "answered_at": event.metadata["at"], "day": event.data["day"]}
            case "SheetClosed":
                row["state"] = "closed"
            case "AnswersAnnounced":
                row["announced"] = True
    return rows.values()


def finished_programs(store: Store) -> Iterable[Row]:
    """Programs that are over."""
    return [{"program": program} for program in {event.data["program"] for event in _told(store, "ProgramOver")}]
