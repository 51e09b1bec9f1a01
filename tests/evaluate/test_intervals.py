"""Intervals: what a bootstrap over subjects must and must not depend on, and its coverage."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from leakboard.evaluate.metrics import AttributeOutcome, Statistic, Values
from leakboard.evaluate.metrics.tpr_at_fpr import TprAtFpr
from leakboard.evaluate.scoring import intervals
from leakboard.evaluate.scoring.intervals import estimates, replicate_weights
from leakboard.schemas import UsageError
from leakboard.schemas.resampling import Interval, tail_probability

Sample = tuple[Values, list[str]]


def mean_of(values: Values) -> Statistic:
    return lambda weights: np.asarray((weights * values).sum(axis=1) / weights.sum(axis=1))


def interval(values: Values, subjects: list[str], seed: int = 0) -> Interval:
    return estimates({"mean": mean_of(values)}, subjects, seed=seed)["mean"]


def names(count: int) -> list[str]:
    return [f"subject {number}" for number in range(count)]


def coin_flips(random: np.random.Generator) -> Sample:
    return (random.random(200) < 0.6).astype(float), names(200)


def rare_hits(random: np.random.Generator) -> Sample:
    return (random.random(200) < 0.05).astype(float), names(200)


def skewed(random: np.random.Generator) -> Sample:
    return random.exponential(size=200), names(200)


def clustered(random: np.random.Generator) -> Sample:
    """1 to 10 images of each of 200 subjects, some of whom are recognised nearly always."""
    subject = np.repeat(np.arange(200), random.integers(1, 11, 200))
    recognised = random.beta(0.6, 0.4, 200)[subject]
    return (random.random(len(subject)) < recognised).astype(float), [f"{s}" for s in subject]


def test_a_constant_has_an_interval_of_no_width() -> None:
    def constant(weights: Values) -> Values:
        return np.full(len(weights), 0.1)

    assert estimates({"it": constant}, names(30))["it"] == Interval(0.1, 0.1, 0.1)


def test_the_interval_is_the_same_every_time() -> None:
    values, subjects = clustered(np.random.default_rng(0))
    assert interval(values, subjects) == interval(values, subjects)
    assert interval(values, subjects) != interval(values, subjects, seed=1)


def test_all_statistics_see_the_same_replicates() -> None:
    values, subjects = clustered(np.random.default_rng(0))
    both = estimates({"it": mean_of(values), "opposite": mean_of(1 - values)}, subjects)
    assert both["it"].low == pytest.approx(1 - both["opposite"].high, abs=1e-12)


def test_row_order_changes_nothing() -> None:
    values, subjects = clustered(np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(len(values))
    shuffled = interval(values[order], [subjects[row] for row in order])
    assert shuffled == interval(values, subjects)


def test_the_size_of_a_chunk_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values, subjects = clustered(np.random.default_rng(0))
    whole = interval(values, subjects)
    monkeypatch.setattr(intervals, "CHUNK_WEIGHTS", 1)
    assert interval(values, subjects) == whole


def test_replicates_draw_whole_subjects_with_replacement() -> None:
    subjects = [name for name in names(40) for _ in range(3)]
    weights = np.concatenate(list(replicate_weights(subjects, 200, seed=0)))
    drawn = weights.reshape(200, 40, 3)
    assert (drawn == drawn[:, :, :1]).all()
    assert (drawn[:, :, 0].sum(axis=1) == 40).all()
    assert drawn.mean() == 1.0
    # a multinomial count has variance 1 - 1/G
    assert drawn[:, :, 0].var() == pytest.approx(1 - 1 / 40, abs=0.05)


def test_more_images_of_the_same_subjects_tell_nothing_new() -> None:
    values, subjects = coin_flips(np.random.default_rng(0))
    once = interval(values, subjects)
    assert interval(np.repeat(values, 4), [s for s in subjects for _ in range(4)]) == once
    as_if_independent = interval(np.repeat(values, 4), names(800))
    half = (once.high - once.low) / 2
    assert as_if_independent.high - as_if_independent.low == pytest.approx(half, rel=0.1)


def test_equals_the_percentile_bootstrap_of_scipy_for_many_subjects() -> None:
    values = np.random.default_rng(0).exponential(size=2000)
    ours = estimates({"mean": mean_of(values)}, names(2000), replicates=4000)["mean"]
    theirs = bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.05 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.05 * width)


def test_few_subjects_get_wider_percentiles() -> None:
    tails = [tail_probability(groups) for groups in (2, 5, 20, 100, 1000)]
    assert tails == sorted(tails)
    assert tails[-1] == pytest.approx(0.025, abs=2e-4)
    assert max(tails) < 0.025


def test_replicates_without_a_value_are_left_out() -> None:
    values = np.arange(20.0)

    def undefined_without_the_first(weights: Values) -> Values:
        return np.where(weights[:, 0] > 0, mean_of(values)(weights), np.nan)

    found = estimates({"it": undefined_without_the_first}, names(20))["it"]
    assert found.value == values.mean()
    assert found.low < found.value < found.high


def test_one_subject_has_no_interval() -> None:
    with pytest.raises(UsageError, match="at least two subjects"):
        interval(np.arange(4.0), ["one"] * 4)


def coverage(draw: Callable[[np.random.Generator], Sample], truth: float, count: int) -> float:
    """Share of `count` simulated samples whose interval holds the truth."""
    samples = (draw(np.random.default_rng(seed)) for seed in range(count))
    found = [interval(*sample, seed=seed) for seed, sample in enumerate(samples)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "truth"), [(coin_flips, 0.6), (rare_hits, 0.05), (skewed, 1.0), (clustered, 0.6)]
)
def test_95_percent_intervals_hold_the_truth_in_93_to_97_percent(
    draw: Callable[[np.random.Generator], Sample], truth: float
) -> None:
    assert 0.93 <= coverage(draw, truth, 1000) <= 0.97


@pytest.mark.slow
def test_intervals_that_ignore_subjects_are_far_too_narrow() -> None:
    def as_if_independent(random: np.random.Generator) -> Sample:
        values, _ = clustered(random)
        return values, names(len(values))

    assert coverage(as_if_independent, 0.6, 200) < 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("subjects", "images"), [(200, 1), (200, 3), (400, 1)])
@pytest.mark.parametrize("apart", [1.5, 3.0])
def test_intervals_of_the_tpr_at_1_percent_hold_the_truth_in_90_percent(
    subjects: int, images: int, apart: float
) -> None:
    """Two classes whose scores are normal, half of the spread common to a subject's images."""
    truth = float(norm.sf(norm.isf(0.01) - apart))
    metric = TprAtFpr()
    held = []
    for seed in range(500):
        random = np.random.default_rng(seed)
        subject = np.repeat(np.arange(subjects), images)
        labels = random.integers(0, 2, subjects)[subject]
        common, own = random.normal(size=subjects)[subject], random.normal(size=len(subject))
        chance = norm.cdf(np.sqrt(0.5) * (common + own) + apart * (labels - 0.5))
        guess = labels == 0
        outcome = AttributeOutcome(
            np.stack([1 - chance, chance], axis=1), labels, guess, guess, task=labels
        )
        found = estimates(
            {"tpr": metric.statistic(outcome)},
            subject.astype(str).tolist(),
            200,
            seed,
            {"tpr": metric.cautious(outcome)},
        )["tpr"]
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.9
