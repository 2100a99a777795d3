"""Reads over matching's tables, one module a stream."""

from matching.queries.due import PairDue, ends_due, misses_due, proposals_due
from matching.queries.pair import ListedPair, open_proposals, pairs_of, pairs_of_program
from matching.queries.pool import Pool, participants, pool
from matching.queries.round import DraftToReview, drafts

__all__ = [
    "DraftToReview",
    "ListedPair",
    "PairDue",
    "Pool",
    "drafts",
    "ends_due",
    "misses_due",
    "open_proposals",
    "pairs_of",
    "pairs_of_program",
    "participants",
    "pool",
    "proposals_due",
]
