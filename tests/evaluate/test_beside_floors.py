"""Floors beside errors: who attains a floor is not below it, and who goes below is said to."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from leakboard.evaluate import measure_bound, measure_bounds, read_truth, score
from leakboard.evaluate.scoring.beside_floors import beside_floors
from leakboard.schemas import ChecksumMismatch, CorruptData, MissingData, Release, Setting
from leakboard.schemas.bounds import ReleaseBounds
from leakboard.schemas.floors import ONCE, REPEATED

from ..tiny import MakeRelease
from .conftest import WritePredictions, asked_ids

COUNT = 60
IDS = [f"{row:03d}" for row in range(COUNT)]


@pytest.fixture(scope="module")
def template(release_of: MakeRelease) -> ReleaseBounds:
    """What a cheap bound says of a few images of a release with Gaussian noise."""
    return measure_bounds(release_of("gaussian_noise"), {"fisher": {}}, samples=6)


def with_floors(template: ReleaseBounds, once: dict[str, float]) -> ReleaseBounds:
    (measured,) = template.measured
    changed = measured.model_copy(update={"floors": {ONCE: once}})
    return template.model_copy(update={"measured": (changed,)})


def test_an_efficient_unbiased_estimator_is_hardly_ever_called_below(
    template: ReleaseBounds,
) -> None:
    """Its squared error is the floor's times chi-squared / p; 5 % of 100 runs, one-sided 2.5 %."""
    random = np.random.default_rng(0)
    floor = random.uniform(5, 80, COUNT)
    bounds = with_floors(template, dict(zip(IDS, floor.tolist(), strict=True)))
    below = 0
    for _ in range(100):
        errors = floor * np.sqrt(random.chisquare(3, COUNT) / 3)
        (found,) = beside_floors(bounds, False, IDS, errors, IDS)
        below += found.beaten
    assert below <= 9  # binomial(100, 0.04) exceeds this once in 200
    (biased,) = beside_floors(bounds, False, IDS, 0.7 * floor, IDS)
    assert biased.beaten
    assert biased.ratio.value == pytest.approx(0.49)


def test_only_images_that_have_a_floor_are_compared(template: ReleaseBounds) -> None:
    floors = {"000": 10.0, "001": math.inf, "002": 0.0, "003": 20.0, "elsewhere": 1.0}
    errors = np.full(COUNT, 10.0)
    (found,) = beside_floors(with_floors(template, floors), False, IDS, errors, IDS)
    assert found.n == 3
    assert found.ratio.value == pytest.approx((1 + 0 + 0.25) / 3)
    assert math.isinf(found.floor.high)
    alone = with_floors(template, {"000": 10.0})
    assert beside_floors(alone, False, IDS, errors, IDS) == ()


def test_who_sees_every_query_has_a_lower_floor(template: ReleaseBounds) -> None:
    (floors,) = (one.floors for one in template.measured)
    assert set(floors[ONCE]) == set(floors[REPEATED])
    for sample, floor in floors[ONCE].items():
        assert floors[REPEATED][sample] == pytest.approx(floor / 4)  # of 16 queries
    assert template.floors(repeated=True) == {"fisher": floors[REPEATED]}


def test_a_bound_on_something_else_than_the_release_is_no_floor_of_it(
    release_of: MakeRelease,
) -> None:
    noisy = release_of("gaussian_noise")
    assert not measure_bound(noisy, "fisher", {"sigma": 1.0}, samples=2).report.as_released
    deeper = measure_bound(noisy, "degrees_of_freedom", {}, samples=3, layer="layer2")
    assert not deeper.report.as_released
    assumed = measure_bounds(noisy, {"fisher": {"sigma": 1.0}}, samples=2)
    assert assumed.measured[0].floors
    assert assumed.floors(repeated=False) == {}


def test_bounds_are_read_as_they_were_written(template: ReleaseBounds, tmp_path: Path) -> None:
    endless = with_floors(template, {"a": math.inf})
    (tmp_path / "bounds.json").write_text(endless.to_json())
    assert ReleaseBounds.read(tmp_path / "bounds.json") == endless
    with pytest.raises(MissingData, match=r"make it with `leakboard bound all"):
        ReleaseBounds.read(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(CorruptData, match="is not JSON"):
        ReleaseBounds.read(tmp_path / "torn.json")


def test_the_alarm_is_for_attacks_that_no_pairs_excuse(
    handmade: Release, write_predictions: WritePredictions, template: ReleaseBounds
) -> None:
    ids = asked_ids(handmade, "validation")
    own = {"fingerprint": handmade.manifest.fingerprint}
    bounds = with_floors(template, dict.fromkeys(ids, 50.0)).model_copy(update=own)
    truth = read_truth(handmade, "validation", None).known("inputs").permute(0, 2, 3, 1).numpy()
    near = truth // 2 + 64  # off by at most 64 grey levels, mostly by less
    header = {"repeated_queries": False}
    for setting in Setting:
        path = write_predictions(near, setting=setting, **header)
        report = score(handmade, path, bounds=bounds)
        (beside,) = report.floors
        assert beside.n == len(ids)
        assert beside.beaten
        alarms = [flag for flag in report.flags if "below the fisher floor" in flag]
        assert len(alarms) == (setting is Setting.WHITEBOX)
        assert type(report).model_validate(json.loads(report.model_dump_json())) == report
    ceiling = write_predictions(near, ceiling=True, **header)
    assert score(handmade, ceiling, bounds=bounds).floors == ()
    with pytest.raises(ChecksumMismatch, match="measure the bounds of this release"):
        score(handmade, write_predictions(near, **header), bounds=template)
