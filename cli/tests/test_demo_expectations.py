"""Expectations: what was seen decides, and patience has a limit."""

from viceversa.demo.expectations import Expectations
from viceversa.polling import until


class Growing:
    """One more each time somebody looks, up to a most."""

    def __init__(self, most):
        self.seen = 0
        self._most = most

    async def __call__(self):
        self.seen = min(self.seen + 1, self._most)
        return self.seen


async def test_an_effect_that_takes_a_moment_is_waited_for():
    expectations = Expectations(limit=5)

    await expectations.eventually("three arrive", Growing(3), 3)

    assert expectations.missed == []


async def test_an_effect_that_never_comes_is_missed_and_what_was_seen_is_told():
    expectations = Expectations(limit=0.05)

    await expectations.eventually("three arrive", Growing(2), 3)

    assert [(one.name, one.seen) for one in expectations.missed] == [("three arrive", "2, not 3")]


async def test_one_effect_too_many_is_missed():
    expectations = Expectations(limit=0.05)
    growing = Growing(9)
    growing.seen = 5

    await expectations.eventually("three arrive", growing, 3)

    assert len(expectations.missed) == 1


def test_every_expectation_is_kept_in_order_met_or_not():
    expectations = Expectations()

    expectations.equal("two", 2, 2)
    expectations.note("the rest", met=False, seen="nothing")

    assert [(one.name, one.met) for one in expectations.all] == [("two", True), ("the rest", False)]


async def test_until_answers_what_was_seen_last():
    assert await until(Growing(4), lambda seen: seen == 4, limit=5) == 4
    assert await until(Growing(2), lambda seen: seen == 4, limit=0) == 1
