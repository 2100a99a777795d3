"""Tables for lists, counts and the clock, one module a stream, and how events change them. No profile is among them."""

from events.membership import MEMBERSHIP
from matching.projections.candidate import CANDIDATES
from matching.projections.ending import ENDINGS
from matching.projections.missed import MISSED
from matching.projections.pair import PAIRS
from matching.projections.round import ROUNDS
from matching.projections.tables import metadata

FROM_STORE = (CANDIDATES, ROUNDS, MISSED, PAIRS, ENDINGS)
FROM_TOPICS = (MEMBERSHIP,)

__all__ = ["FROM_STORE", "FROM_TOPICS", "metadata"]
