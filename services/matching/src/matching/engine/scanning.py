"""The scan: every pair's score or verdict, a mentee's row against a tile of mentors at a time, never a matrix.

Levels are whole numbers, so the sums over topics are exact; the score is made of them in single precision, with each
operation rounded as IEEE 754 says (no approximate division or root).
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from matching.engine.compiled.scan import best_of
from matching.engine.problem import Codes
from matching.engine.rules.forms import Short
from matching.engine.tables import Floats, Tables

POSSIBLE = np.float32(-1e8)
"""Every pair that is allowed has a value above this."""
_FEW = 256


class Scan:
    """Looks at all pairs of a problem, on as many threads as there are processors; the result does not depend on it."""

    def __init__(self, tables: Tables, threads: int | None = None) -> None:
        self.tables = tables
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads)
        mentees, padded = len(tables.rows.share), len(tables.columns.share)
        self.kinds: tuple[Short, Short] = (np.zeros(mentees, np.int16), np.full(padded, -1, np.int16))
        """Only a row and a column of one kind may be paired; padding is of no kind."""
        self.kinds[1][: len(tables.mentor)] = 0

    @property
    def padded(self) -> int:
        """Columns, padding included: the length of a list of prices."""
        return len(self.tables.columns.share)

    def best(
        self, chosen: Codes, prices: Floats, floors: Floats, width: int, *, kept: bool = False
    ) -> tuple[Floats, Codes]:
        """The `width` best values (score less price) of each chosen row and their columns, as heaps: the worst first.

        [len(chosen), width]; a value must exceed its row's floor, which fills what is free, with column -1.
        """
        values = np.empty((len(chosen), width), np.float32)
        where = np.empty((len(chosen), width), np.int32)
        rows, columns, terms = self.tables.rows, self.tables.columns, self.tables.terms

        def some(part: slice) -> None:
            best_of(chosen[part], rows, columns, terms, self.kinds, prices, floors, kept, values[part], where[part])

        self._spread(some, len(chosen))
        return values, where

    def _spread(self, work: Callable[[slice], None], length: int) -> None:
        size = max(1, min(_FEW, -(-length // self._threads)))
        parts: Sequence[slice] = [slice(start, start + size) for start in range(0, length, size)]
        if self._threads == 1 or len(parts) == 1:
            for part in parts:
                work(part)
            return
        list(self._pool.map(work, parts))
