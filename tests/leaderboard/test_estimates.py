import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from leakboard.leaderboard import Estimate, combined

SHARES = st.floats(0, 1)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    low, value, high = sorted(draw(st.tuples(SHARES, SHARES, SHARES)))
    return Estimate(value, low, high, draw(st.integers(1, 10_000)))


def test_one_release_keeps_its_interval() -> None:
    only = Estimate(0.5, 0.4, 0.7, 900)
    assert combined([only]) == only


def test_without_sampling_error_it_is_students_interval() -> None:
    values = [0.61, 0.64, 0.60, 0.66]
    mean = sum(values) / 4
    low, high = stats.t.interval(0.95, df=3, loc=mean, scale=stats.sem(values))
    found = combined([Estimate(value, value, value, 900) for value in values])
    assert (found.value, found.low, found.high) == pytest.approx((mean, low, high))


def test_without_spread_the_images_remain_uncertain_however_many_seeds() -> None:
    found = combined([Estimate(0.5, 0.47, 0.54, 900)] * 10)
    assert (found.low, found.high) == pytest.approx((0.47, 0.54))


def test_the_two_errors_add_in_quadrature() -> None:
    values = [0.49, 0.50, 0.51]
    training = stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(3)
    found = combined([Estimate(value, value - 0.03, value + 0.03, 900) for value in values])
    assert found.high - found.value == pytest.approx(math.hypot(training, 0.03))


def test_n_is_the_smallest_of_the_releases() -> None:
    assert combined([Estimate(0.5, 0.4, 0.6, n) for n in (900, 400, 900)]).n == 400


@given(st.lists(estimates(), min_size=1, max_size=6))
def test_the_interval_holds_the_mean_and_ignores_the_order(found: list[Estimate]) -> None:
    together, backwards = combined(found), combined(found[::-1])
    assert together.low <= together.value <= together.high
    assert (together.low, together.high) == pytest.approx((backwards.low, backwards.high))


@given(estimates(), estimates())
def test_one_lies_below_another_only_with_a_gap_between_them(a: Estimate, b: Estimate) -> None:
    assert a.below(b) == (max(a.low, a.high) < min(b.low, b.high))
    assert not (a.below(b) and b.below(a))
