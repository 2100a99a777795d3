"""How far a matching can be from the best there is: a proof by linear-programming duality, which trusts no solver.

For any prices p, no matching has a larger value than the sum over mentees of their best (score - price), as many as
they may have, and over mentors of what their places cost. One pass over all pairs finds the first; the prices of the
auction make it tight. Sums are in double precision, with an outward margin for the rounding of the scan.
"""

import numpy as np

from matching.engine.auction import Limits
from matching.engine.scanning import POSSIBLE, Scan
from matching.engine.tables import Floats

_ROUNDING = 16 * 2.0**-24
"""Relative: operations of one score in single precision, and its price, each off by 2⁻²⁴ at most."""
_AT_ONCE = 8192


def bound_of(scan: Scan, limits: Limits, prices: Floats, largest: float) -> float:
    """A value that no matching within these limits exceeds. `largest` bounds the score of any pair."""
    padded = np.zeros(scan.padded, np.float32)
    padded[: len(prices)] = prices
    mentees = len(limits.mentees_most)
    width = max(1, int(limits.mentees_most.max(initial=1)))
    floors = np.where(limits.mentees_least > 0, POSSIBLE, 0).astype(np.float32)
    total, terms = 0.0, 0
    for start in range(0, mentees, _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, mentees), dtype=np.int32)
        values, columns = scan.best(rows, padded, floors, width)
        best = -np.sort(-np.where(columns < 0, -np.inf, values.astype(np.float64)), axis=1)
        best[best == -np.inf] = 0
        place = np.arange(width)
        must = place < limits.mentees_least[rows][:, None]
        may = place < limits.mentees_most[rows][:, None]
        total += float(np.where(must, best, np.where(may, np.maximum(best, 0), 0)).sum())
        terms += int(may.sum())
    costs = prices.astype(np.float64)
    total += float(np.sum(np.where(costs >= 0, limits.mentors_most * costs, limits.mentors_least * costs)))
    margin = terms * _ROUNDING * (largest + float(np.abs(costs).max(initial=0)))
    return total + margin
