"""Alternating paths over the rules alone."""

import numpy as np
from numba import njit

from matching.engine.compiled.partners import exchange, has
from matching.engine.compiled.scan import passed_over, tested
from matching.engine.tables import TILE


@njit(cache=True, nogil=True)
def search(rows, columns, terms, kinds, of_row, of_column, roots, ends, capacity):
    """Grow trees of alternating paths from all roots at once; a tree that reaches an end makes its path pairs.

    Answers how many did, and which rows and columns were reached.
    """
    mentees, padded, tiles = len(of_row), len(ends), columns.offered.shape[0]
    reached, seen = np.zeros(mentees, np.bool_), np.zeros(padded, np.bool_)
    root_of, came_by, parent = (
        np.full(mentees, -1, np.int32),
        np.full(mentees, -1, np.int32),
        np.full(padded, -1, np.int32),
    )
    done = np.zeros(mentees, np.bool_)
    unseen = np.full(tiles, TILE, np.int32)
    possible = np.empty(TILE, np.int16)
    queue = np.empty(mentees, np.int32)
    head, tail, found = 0, 0, 0
    for root in roots:
        reached[root] = True
        root_of[root] = root
        queue[tail] = root
        tail += 1
    while head < tail:
        row = queue[head]
        head += 1
        root = root_of[row]
        if done[root]:
            continue
        never = rows.never_of[row]
        for tile in range(tiles):
            if done[root]:
                break
            if unseen[tile] == 0 or passed_over(rows, columns, terms, row, tile):
                continue
            never = tested(possible, rows, columns, terms, kinds, row, tile, never)
            base = tile * TILE
            for j in range(TILE):
                if possible[j] == 0 or seen[base + j]:
                    continue
                column = base + j
                if has(of_row, row, column):
                    continue
                seen[column] = True
                unseen[tile] -= 1
                parent[column] = row
                if ends[column]:
                    _make(of_row, of_column, column, root, parent, came_by)
                    ends[column] = _count(of_column, column) < capacity[column]
                    done[root] = True
                    found += 1
                    break
                for x in range(of_column.shape[1]):
                    other = of_column[column, x]
                    if other >= 0 and not reached[other]:
                        reached[other] = True
                        root_of[other] = root
                        came_by[other] = column
                        queue[tail] = other
                        tail += 1
    return found, reached, seen


@njit(cache=True, nogil=True)
def _make(of_row, of_column, column, root, parent, came_by):
    """Exchange pairs along the path that ends in a column."""
    while True:
        row = parent[column]
        before = came_by[row] if row != root else -1
        if before >= 0:
            exchange(of_row, row, before, -1)
            exchange(of_column, before, row, -1)
        exchange(of_row, row, -1, column)
        exchange(of_column, column, -1, row)
        if row == root:
            return
        column = before


@njit(cache=True, nogil=True)
def _count(partners, person):
    count = 0
    for x in range(partners.shape[1]):
        count += partners[person, x] >= 0
    return count


@njit(cache=True, nogil=True)
def allowed(rows, columns, terms, kinds, chosen):
    """How many pairs of the chosen rows the rules allow."""
    possible = np.empty(TILE, np.int16)
    count = 0
    for row in chosen:
        never = rows.never_of[row]
        for tile in range(columns.offered.shape[0]):
            if not passed_over(rows, columns, terms, row, tile):
                never = tested(possible, rows, columns, terms, kinds, row, tile, never)
                for j in range(TILE):
                    count += possible[j]
    return count
