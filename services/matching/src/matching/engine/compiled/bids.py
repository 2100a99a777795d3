"""Bids of an auction, one after the other."""

import numpy as np
from numba import njit

from matching.engine.compiled.partners import exchange, has
from matching.engine.compiled.scan import NEVER


@njit(cache=True, nogil=True)
def bid(queue, waiting, known, held, left, least, floors, places, prices, steps):
    """Bid until everybody has whom they want, has left, or must look again. Answers how many wait, and bids made."""
    epsilon, delta, most = steps
    owners, costs, firsts = places.owner, places.price, places.first
    stack = queue.copy()
    count, more, bids = len(stack), 0, 0
    while count > 0:
        count -= 1
        row = stack[count]
        while True:
            best, second, chosen = NEVER, NEVER, -1
            for x in range(known.columns.shape[1]):
                column = known.columns[row, x]
                if column < 0:
                    continue
                value = known.scores[row, x] - prices[column]
                if value > best:
                    if has(held, row, column):
                        continue
                    second, best, chosen = best, value, column
                elif value > second and not has(held, row, column):
                    second = value
            bound = known.bound[row]
            if best < bound - delta and bound > floors[row]:
                waiting[more] = row
                more += 1
                break
            may_leave = left[row] > least[row]
            if chosen < 0 or (may_leave and best <= 0):
                left[row] -= 1
                break
            second = max(second, bound)
            if may_leave:
                second = max(second, np.float32(0))
            # Who has no other choice would raise a price beyond what single precision can tell apart: a step at a time.
            second = min(max(second, best - most), best)
            place = firsts[chosen]
            for other in range(place + 1, firsts[chosen + 1]):
                if costs[other] < costs[place]:
                    place = other
            loser = owners[place]
            owners[place] = row
            costs[place] = prices[chosen] + (best - second) + epsilon
            exchange(held, row, -1, chosen)
            bids += 1
            cheapest = costs[firsts[chosen]]
            for other in range(firsts[chosen] + 1, firsts[chosen + 1]):
                cheapest = min(cheapest, costs[other])
            prices[chosen] = cheapest
            if loser < 0:
                break
            exchange(held, loser, chosen, -1)
            row = loser
    return more, bids
