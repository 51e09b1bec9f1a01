"""Resampling: what intervals over subjects and training runs hold, and when runs differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from leakboard.schemas.resampling import (
    Interval,
    Scatter,
    holm,
    mean_replicates,
    over_runs,
    paired_difference,
    pooled,
)

Values = NDArray[np.float64]
SUBJECTS = 200
TRUTH = 0.6


def names(count: int) -> list[str]:
    return [f"subject {number}" for number in range(count)]


def of_runs(runs: Values, subjects: list[str], replicates: int = 1000, seed: int = 0) -> Interval:
    drawn = mean_replicates(runs, subjects, replicates, seed)
    return over_runs(runs.mean(axis=1), drawn, len(set(subjects)), seed)


def draw_runs(
    seed: int, runs: int, training: float, own: float = 0.2
) -> tuple[Values, Values, list[str]]:
    """Two configurations of one strength, attacked on 1 to 5 images of each of 200 subjects.

    `training` is the spread between runs, `own` that of how a run reads a subject.
    """
    random = np.random.default_rng(seed)
    subject = np.repeat(np.arange(SUBJECTS), random.integers(1, 6, SUBJECTS))
    easy = 0.25 * random.normal(size=SUBJECTS)[subject]

    def attacked() -> Values:
        shift = training * random.normal(size=(runs, 1))
        seen = own * random.normal(size=(runs, SUBJECTS))[:, subject]
        return TRUTH + easy + shift + seen + own * random.normal(size=(runs, len(subject)))

    return attacked(), attacked(), subject.astype(str).tolist()


def test_replicates_are_weighted_means_over_the_same_subjects() -> None:
    runs, _, subjects = draw_runs(0, 3, 0.02)
    drawn = mean_replicates(np.stack([runs[0], 2 * runs[0], np.ones(len(subjects))]), subjects, 50)
    assert drawn[:, 1] == pytest.approx(2 * drawn[:, 0])
    assert drawn[:, 2] == pytest.approx(np.ones(50))
    assert drawn[:, 0].std() > 0


def test_one_run_has_the_interval_of_its_images() -> None:
    runs, _, subjects = draw_runs(0, 1, 0.02)
    found = of_runs(runs, subjects)
    low, high = stats.t.interval(
        0.95, SUBJECTS - 1, runs.mean(), np.sqrt(_clustered_variance(runs[0], subjects))
    )
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)


def test_without_sampling_error_it_is_students_interval() -> None:
    values = np.array([0.61, 0.64, 0.60])
    found = of_runs(np.repeat(values[:, None], 2000, axis=1), names(2000))
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.01)


def test_without_spread_between_runs_the_images_remain_uncertain() -> None:
    runs, _, subjects = draw_runs(0, 1, 0)
    thrice = of_runs(np.repeat(runs, 3, axis=0), subjects)
    once = of_runs(runs, subjects)
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx(
        (once.value, once.low, once.high)
    )


def test_equal_runs_do_not_differ() -> None:
    runs, _, subjects = draw_runs(0, 3, 0.02)
    found = paired_difference(runs, runs, subjects)
    assert (found.value, found.p) == (0, 1)
    assert paired_difference(runs[:1], runs[:1], subjects).low == 0


def test_single_runs_on_single_images_are_compared_by_the_paired_t_test() -> None:
    random = np.random.default_rng(0)
    one, other = random.normal(0.5, 1, 300), random.normal(0.4, 1, 300)
    found = paired_difference(one[None], other[None], names(300))
    exact = stats.ttest_rel(one, other)
    assert found.p == pytest.approx(exact.pvalue)
    assert (found.low, found.high) == pytest.approx(exact.confidence_interval(0.95))


def test_runs_without_images_are_compared_by_the_test_of_welch() -> None:
    one, other = np.array([0.61, 0.64, 0.60]), np.array([0.50, 0.58, 0.54, 0.49])
    found = paired_difference(
        np.repeat(one[:, None], 500, axis=1), np.repeat(other[:, None], 500, axis=1), names(500)
    )
    exact = stats.ttest_ind(one, other, equal_var=False)
    assert found.p == pytest.approx(exact.pvalue)


def test_pairing_sees_what_intervals_that_overlap_do_not() -> None:
    runs, _, subjects = draw_runs(0, 1, 0, own=0.01)
    better = runs + 0.01
    assert of_runs(runs, subjects).high > of_runs(better, subjects).low
    found = paired_difference(better, runs, subjects)
    assert found.value == pytest.approx(0.01)
    assert found.p < 1e-6


def test_a_scatter_known_from_many_runs_makes_of_two_runs_the_normal_interval() -> None:
    """With no sampling error, and the standard deviation of runs known to be 0.02."""
    means = np.array([0.5, 0.6])
    drawn = np.repeat(means[None], 1000, axis=0)
    found = over_runs(means, drawn, 2000, scatter=Scatter(0.02**2, 10**6))
    reach = 1.96 * 0.02 / np.sqrt(2)
    assert (found.low, found.high) == pytest.approx((0.55 - reach, 0.55 + reach), abs=5e-4)


def test_with_a_scatter_single_runs_are_compared_as_runs_of_it() -> None:
    one, other = np.full((1, 500), 0.61), np.full((2, 500), 0.5)
    found = paired_difference(one, other, names(500), Scatter(0.03**2, 7), times=1.1)
    error = 0.03 * np.sqrt(1 + 1.1**2 / 2)
    assert found.value == pytest.approx(0.06)
    assert found.p == pytest.approx(2 * stats.t.sf(0.06 / error, 7))


def test_pooling_is_what_an_analysis_of_variance_does() -> None:
    random = np.random.default_rng(0)
    groups = [random.normal(size=count) for count in (2, 3, 2, 1)]
    found = pooled(groups)
    together = np.concatenate(groups)
    between = sum(len(g) * (g.mean() - together.mean()) ** 2 for g in groups) / 3
    assert found is not None
    assert found.freedom == 4
    assert between / found.variance == pytest.approx(stats.f_oneway(*groups).statistic)
    assert pooled(groups[3:]) is None


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_makes_a_p_value_smaller(p: dict[str, float]) -> None:
    adjusted = holm(p)
    assert list(adjusted) == list(p)
    assert all(p[name] <= adjusted[name] <= min(1, len(p) * p[name]) + 1e-15 for name in p)
    in_order = sorted(p, key=lambda name: p[name])
    assert [adjusted[n] for n in in_order] == sorted(adjusted[n] for n in in_order)


def _clustered_variance(values: Values, subjects: list[str]) -> float:
    _, subject_of = np.unique(subjects, return_inverse=True)
    sums = np.bincount(subject_of, weights=values - values.mean())
    return float((sums**2).sum()) / len(values) ** 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "training", "own"),
    [(1, 0, 0.2), (3, 0, 0.2), (3, 0.01, 0.2), (3, 0.02, 0.05), (3, 0.05, 0.2), (5, 0.02, 0.2)],
)
def test_intervals_over_runs_hold_the_truth_in_93_to_97_percent(
    runs: int, training: float, own: float
) -> None:
    held = []
    for seed in range(1000):
        first, _, subjects = draw_runs(seed, runs, training, own)
        found = of_runs(first, subjects, 400, seed)
        held.append(found.low <= TRUTH <= found.high)
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.slow
def test_three_runs_that_are_resampled_themselves_are_far_too_certain() -> None:
    held = []
    for seed in range(500):
        first, _, subjects = draw_runs(seed, 3, 0.3)
        drawn = mean_replicates(first, subjects, 400, seed)
        which = np.random.default_rng(seed).integers(3, size=(400, 3))
        low, high = np.quantile(
            np.take_along_axis(drawn, which, axis=1).mean(axis=1), [0.025, 0.975]
        )
        held.append(low <= TRUTH <= high)
    assert np.mean(held) < 0.85


@pytest.mark.slow
@pytest.mark.parametrize(("runs", "training"), [(1, 0), (3, 0), (3, 0.02), (5, 0.02)])
def test_equal_configurations_are_told_apart_no_more_often_than_the_level(
    runs: int, training: float
) -> None:
    found = [paired_difference(*draw_runs(seed, runs, training)).p <= 0.05 for seed in range(1000)]
    assert stats.binomtest(sum(found), 1000, 0.05, alternative="greater").pvalue > 0.01
