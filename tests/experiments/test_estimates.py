"""What the cells of a table add up to: numbers, ratios, and who is asked again."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from leakboard.experiments import _estimates
from leakboard.experiments._asking import REFERENCE, asking
from leakboard.experiments._estimates import (
    Run,
    Values,
    _difference,
    above_guess,
    number,
    ratio,
    subjects_of,
)
from leakboard.experiments._images import REPEATED
from leakboard.experiments._rows import Row


def runs_of(values: Values) -> list[Run]:
    """Runs that hold nothing but one measure, (K, N); two images show each subject."""
    subjects = [f"{number // 2}" for number in range(values.shape[1])]
    return [
        Run(seed, None, None, pa.table({"subject": subjects, "top1": series}), {})  # type: ignore[arg-type]
        for seed, series in enumerate(values)
    ]


def test_a_network_beside_itself_leaks_as_much() -> None:
    runs = runs_of(np.random.default_rng(0).random((3, 40)))
    found = ratio(runs, runs, "top1")
    assert found.value == 1
    assert found.low < 1 < found.high
    assert _difference(runs, runs, "top1", None).p == pytest.approx(1)


def test_rows_are_told_apart_on_the_same_images_asked_once_and_repeatedly() -> None:
    """Of 8 images 4 were asked about repeatedly, of which averaging reads more than one look."""
    often = np.arange(8) % 2 == 1
    once = np.array([[0, 1, 0, 1, 1, 0, 0, 0], [0, 1, 0, 1, 1, 0, 1, 0]], float)
    averaged = np.where(often, [1.0, 1, 1, 1, 1, 0, 1, 1], np.nan)
    random = [
        replace(run, values=run.values.append_column(REPEATED, pa.array(averaged)))
        for run in runs_of(once)
    ]
    reference = runs_of(np.array([[1, 1, 0, 0, 1, 1, 0, 0]], float))
    rows = [Row("random", ""), Row(REFERENCE, ""), Row("another that answers alike", "")]
    found = asking(rows, [random, reference, reference], "top1")
    assert found is not None
    assert (found.n_once, found.n_often) == (4, 4)
    first, second = found.rows  # others that answer alike are not shown
    assert (first.once.value, first.often.value) == (0.375, 0.75)
    assert (second.once.value, second.often.value) == (0.5, 0.5)
    assert first.minus_once is not None
    assert first.minus_once.value == -0.125
    assert first.minus_often is not None
    assert first.minus_often.value == 0.25
    assert second.minus_once is None
    assert asking(rows, [[], reference, []], "top1") is None
    assert asking(rows, [random, reference, []], "ssim") is None


def test_a_ratio_above_a_guess_is_that_of_the_advantages() -> None:
    values = np.random.default_rng(0).random((2, 3, 40))
    one, other = map(runs_of, values)
    found, advantages = ratio(one, other, "top1", floor=0.25), values.mean(axis=(1, 2)) - 0.25
    assert found.value == pytest.approx(advantages[0] / advantages[1])
    shifted = ratio(runs_of(values[0] - 0.25), runs_of(values[1] - 0.25), "top1")
    assert (found.low, found.high) == pytest.approx((shifted.low, shifted.high))


def test_nothing_is_divided_by_what_is_no_more_than_a_guess(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(0).random((2, 3, 40))
    one, other = map(runs_of, values)
    beside = number(values[1], subjects_of(other[0]), None)
    for guess, expected in (
        (0.25, ratio(one, other, "top1", floor=0.25)),
        (float(values[1].mean()) - 0.01, None),
    ):
        monkeypatch.setattr(_estimates, "guessed", lambda run, measure, guess=guess: guess)
        assert above_guess(one, other, "top1", None, beside) == expected


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    """Binomial(200, 0.95) is below 180 or above 198 twice in a thousand."""
    random, held = np.random.default_rng(0), 0
    for _ in range(200):
        shared = random.normal(size=400)
        means = random.normal([[0.5], [1.0]], 0.02, size=(3, 2, 1))  # three seeds of either
        values = means + 0.2 * shared + 0.2 * random.normal(size=(3, 2, 400))
        found = ratio(runs_of(values[:, 0]), runs_of(values[:, 1]), "top1")
        held += found.low <= 0.5 <= found.high
    assert 180 <= held <= 198
