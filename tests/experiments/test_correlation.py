"""Rank correlations against SciPy, and how often chance alone is called significant."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from leakboard.experiments._correlation import Correlation


@pytest.mark.parametrize("ties", [False, True])
def test_the_value_is_scipys(ties: bool) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 12))
    if ties:
        x = x.round()
    assert Correlation.of(x, y, seed=0).value == pytest.approx(spearmanr(x, y).statistic)


def test_a_monotone_relation_is_certain_and_a_reversed_one_too() -> None:
    x = np.arange(10.0)
    for sign in (1, -1):
        found = Correlation.of(x, sign * np.exp(x), seed=0)
        assert (found.value, found.low, found.high) == pytest.approx((sign,) * 3)
        assert found.p < 1e-3


def test_chance_is_called_significant_as_often_as_it_should() -> None:
    """Binomial(30, 0.05) exceeds 6 three times in a thousand."""
    random = np.random.default_rng(1)
    pairs = random.normal(size=(30, 2, 9))
    significant = sum(Correlation.of(x, y, seed=0).p <= 0.05 for x, y in pairs)
    assert significant <= 6
