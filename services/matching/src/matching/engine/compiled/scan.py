"""Scores and verdicts of a row of mentees against tiles of mentors. Shapes are those of `tables`."""

import numpy as np
from numba import njit

from matching.engine.tables import TILE

NEVER = np.float32(-1e9)
"""Value of a pair that a rule forbids."""
_DAY = 24 * 60
_BLOCK = 32
_ROWS_AT_ONCE = 64

# Sums may be fused and values are finite; nothing may be approximated: a certificate rests on the rounding.
_FAST = {"nnan", "ninf", "nsz", "contract"}


@njit(cache=True, nogil=True)
def _common(common, levels, items, weights, first, last):
    """Sum over a row's topics of its level × the level of each column."""
    common[:] = 0
    at = first
    while at + 4 <= last:
        a, b, c, d = levels[items[at]], levels[items[at + 1]], levels[items[at + 2]], levels[items[at + 3]]
        v, w, x, y = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
        for j in range(TILE):
            common[j] = np.uint16(
                common[j] + v * np.uint16(a[j]) + w * np.uint16(b[j]) + x * np.uint16(c[j]) + y * np.uint16(d[j])
            )
        at += 4
    while at < last:
        a, v = levels[items[at]], weights[at]
        for j in range(TILE):
            common[j] = np.uint16(common[j] + v * np.uint16(a[j]))
        at += 1


@njit(cache=True, nogil=True)
def passed_over(rows, columns, terms, row, tile):
    """Whether the tests remove all of a tile for this row, by what the tile holds at most."""
    for k in range(rows.most.shape[0]):
        if columns.tile_least[k, tile] > rows.most[k, row]:
            return True
    for k in range(len(terms.words_of) - 1):
        shared = np.uint32(0)
        for word in range(terms.words_of[k], terms.words_of[k + 1]):
            shared |= columns.tile_bits[word, tile] & rows.bits[word, row]
        if shared == 0:
            return True
    for k in range(len(terms.minutes)):
        first, last = int(columns.tile_starts[k, tile]), int(columns.tile_ends[k, tile])
        start, end = int(rows.starts[k, row]), int(rows.ends[k, row])
        minutes = 0
        for days in range(-1, 2):
            minutes += max(min(end, last + days * _DAY) - max(start, first + days * _DAY), 0)
        if minutes < terms.minutes[k]:
            return True
    return False


@njit(cache=True, nogil=True)
def tested(possible, rows, columns, terms, kinds, row, tile, at):
    """1 where every rule allows the row and a column of the tile, else 0. `at` moves along the row's list of nevers."""
    base = tile * TILE
    kind = kinds[0][row]
    of_columns = kinds[1][base : base + TILE]
    for j in range(TILE):
        possible[j] = np.int16(of_columns[j] == kind)
    for k in range(rows.most.shape[0]):
        numbers, most = columns.least[k, base : base + TILE], rows.most[k, row]
        for j in range(TILE):
            possible[j] &= np.int16(numbers[j] <= most)
    for k in range(len(terms.words_of) - 1):
        first, last = terms.words_of[k], terms.words_of[k + 1]
        if last - first == 1:
            words, own = columns.bits[first, base : base + TILE], rows.bits[first, row]
            for j in range(TILE):
                possible[j] &= np.int16((words[j] & own) != 0)
        else:
            for j in range(TILE):
                shared = np.uint32(0)
                for word in range(first, last):
                    shared |= columns.bits[word, base + j] & rows.bits[word, row]
                possible[j] &= np.int16(shared != 0)
    for k in range(len(terms.minutes)):
        starts, ends = columns.starts[k, base : base + TILE], columns.ends[k, base : base + TILE]
        start, end, minutes = rows.starts[k, row], rows.ends[k, row], terms.minutes[k]
        for j in range(TILE):
            first, last = starts[j], ends[j]
            shared = max(np.int16(min(end, last) - max(start, first)), np.int16(0))
            later = min(end, np.int16(last + _DAY)) - max(start, np.int16(first + _DAY))
            sooner = min(end, np.int16(last - _DAY)) - max(start, np.int16(first - _DAY))
            shared = np.int16(shared + max(np.int16(later), np.int16(0)) + max(np.int16(sooner), np.int16(0)))
            possible[j] &= np.int16(shared >= minutes)
    end = rows.never_of[row + 1]
    while at < end and rows.never[at] < base:
        at += 1
    while at < end and rows.never[at] < base + TILE:
        possible[rows.never[at] - base] = 0
        at += 1
    return at


@njit(cache=True, nogil=True, fastmath=_FAST)
def _valued(values, g, h, possible, rows, columns, terms, row, base, prices):
    """Score less price of a row and each column of a tile; NEVER where it is not possible."""
    share, shares = rows.share[row], columns.share[base : base + TILE]
    waiting, price, one_sided = columns.waiting[base : base + TILE], prices[base : base + TILE], terms.one_sided
    for j in range(TILE):
        a = np.float32(g[j]) * share
        b = np.float32(h[j]) * shares[j]
        values[j] = np.sqrt(a * b) + one_sided * (a + b) + waiting[j] - price[j]
    for k in range(len(terms.points)):
        codes, own, points = columns.codes[k, base : base + TILE], rows.codes[k, row], terms.points[k]
        if terms.same[k]:
            for j in range(TILE):
                values[j] += points if codes[j] == own else np.float32(0)
        else:
            for j in range(TILE):
                values[j] += points if codes[j] != own else np.float32(0)
    own = rows.waiting[row]
    for j in range(TILE):
        values[j] = values[j] + own if possible[j] != 0 else NEVER


@njit(cache=True, nogil=True)
def _sift(values, columns, value, column):
    """Put one in place of the smallest of a heap."""
    size, at = len(values), 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and values[child + 1] < values[child]:
            child += 1
        if values[child] >= value:
            break
        values[at], columns[at] = values[child], columns[child]
        at = child
    values[at], columns[at] = value, column


@njit(cache=True, nogil=True)
def _keep_best(best, where, values, base):
    """Take what is better than the worst of the heap; blocks without any are passed over."""
    for start in range(0, TILE, _BLOCK):
        most = values[start]
        for j in range(start + 1, start + _BLOCK):
            most = max(most, values[j])
        if most > best[0]:
            for j in range(start, start + _BLOCK):
                if values[j] > best[0]:
                    _sift(best, where, values[j], base + j)


@njit(cache=True, nogil=True)
def best_of(chosen, rows, columns, terms, kinds, prices, floors, kept, best, where):
    """For each chosen row its best columns by score less price, as a heap: the worst of them first.

    `floors` are values that a column must exceed; it also fills what is left free in `best`, with column -1.
    """
    tiles = columns.offered.shape[0]
    g, h = np.empty(TILE, np.uint16), np.empty(TILE, np.uint16)
    values, possible = np.empty(TILE, np.float32), np.empty(TILE, np.int16)
    for start in range(0, len(chosen), _ROWS_AT_ONCE):
        end = min(start + _ROWS_AT_ONCE, len(chosen))
        never, stays = np.empty(end - start, np.int64), np.empty(end - start, np.int64)
        for at in range(start, end):
            never[at - start], stays[at - start] = rows.never_of[chosen[at]], rows.kept_of[chosen[at]]
            best[at, :] = floors[chosen[at]]
            where[at, :] = -1
        for tile in range(tiles):
            base = tile * TILE
            for at in range(start, end):
                row = chosen[at]
                if passed_over(rows, columns, terms, row, tile):
                    continue
                never[at - start] = tested(possible, rows, columns, terms, kinds, row, tile, never[at - start])
                offers, seeks = columns.offered[tile], columns.sought[tile]
                _common(g, offers, rows.seeks, rows.sought, rows.seeks_of[row], rows.seeks_of[row + 1])
                _common(h, seeks, rows.offers, rows.offered, rows.offers_of[row], rows.offers_of[row + 1])
                _valued(values, g, h, possible, rows, columns, terms, row, base, prices)
                if kept:
                    stay, last = stays[at - start], rows.kept_of[row + 1]
                    while stay < last and rows.kept[stay] < base:
                        stay += 1
                    while stay < last and rows.kept[stay] < base + TILE:
                        values[rows.kept[stay] - base] += terms.kept
                        stay += 1
                    stays[at - start] = stay
                _keep_best(best[at], where[at], values, base)
