"""Who has whom: a row of numbers a person, -1 where a place is free."""

from numba import njit


@njit(cache=True, nogil=True)
def has(partners, person, other):
    for x in range(partners.shape[1]):
        if partners[person, x] == other:
            return True
    return False


@njit(cache=True, nogil=True)
def exchange(partners, person, one, other):
    """Put another in one's place; once."""
    for x in range(partners.shape[1]):
        if partners[person, x] == one:
            partners[person, x] = other
            return
