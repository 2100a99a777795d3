"""Who is which participant, and who coordinates where: the projection by which services authorize.

A service that uses it puts `MEMBERSHIP` among its topic projections and calls `create_tables` in a migration.
"""

from events.membership.projection import MEMBERSHIP
from events.membership.queries import Caller, Member, coordinated_regions, participants_of, relations
from events.membership.tables import create_tables

__all__ = [
    "MEMBERSHIP",
    "Caller",
    "Member",
    "coordinated_regions",
    "create_tables",
    "participants_of",
    "relations",
]
