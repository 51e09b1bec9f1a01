"""The worst case per image: bounds from both sides, and no reward for luck."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from leakboard.leaderboard import standings
from leakboard.leaderboard.ranking.images import Runs, intervals
from leakboard.leaderboard.ranking.worst_case import per_image, worst_foreseen, worst_with_hindsight
from leakboard.schemas import ImageValues, LeaderboardRow, Track

from .conftest import image_values

MakeRow = Callable[..., LeaderboardRow]
Values = NDArray[np.float64]


def values_of(kept: Mapping[str, ImageValues]) -> Callable[[LeaderboardRow], ImageValues | None]:
    return lambda row: kept.get(row.entry_id)


def attacked(
    make_row: MakeRow, values: Values
) -> tuple[list[list[LeaderboardRow]], dict[str, ImageValues]]:
    """Entries of A attacks on K releases (A, K, N): per release, with their values per image."""
    kept: dict[str, ImageValues] = {}
    releases: list[list[LeaderboardRow]] = [[] for _ in values[0]]
    for number, runs in enumerate(values):
        for seed, of_images in enumerate(runs):
            mean = float(of_images.mean())
            interval = (mean, mean - 0.01, mean + 0.01)
            name = f"attack {number}"
            row = make_row("disco", interval, attack=name, seed=seed, n=len(of_images))
            kept[row.entry_id] = image_values(row, of_images.tolist())
            releases[seed].append(row)
    return releases, kept


@given(hnp.arrays(float, (3, 4, 5), elements=st.floats(0, 1)))
def test_hindsight_is_above_foresight_and_above_every_attack(attacks: Values) -> None:
    assert (worst_foreseen(attacks) <= worst_with_hindsight(attacks)).all()
    assert (worst_with_hindsight(attacks) >= attacks).all()


@given(hnp.arrays(float, (3, 4, 5), elements=st.floats(0, 1)))
def test_what_a_run_shows_does_not_choose_the_attack_on_it(attacks: Values) -> None:
    before = worst_foreseen(attacks)[0]
    changed = attacks.copy()
    changed[:, 0] = 1 - changed[:, 0]
    after = worst_foreseen(changed)[0]
    assert after == pytest.approx(1 - before)


def test_attacks_that_guess_are_strong_in_hindsight_only() -> None:
    """Four coins of .5: one of them falls right for 94 % of images, and that says nothing."""
    attacks = (np.random.default_rng(0).random((4, 3, 4000)) < 0.5).astype(float)
    assert worst_with_hindsight(attacks).mean() == pytest.approx(1 - 0.5**4, abs=0.01)
    assert worst_foreseen(attacks).mean() == pytest.approx(0.5, abs=0.02)


def test_attacks_that_are_good_at_different_images_are_stronger_together() -> None:
    """One reads the even images, one the odd ones, always: together they read all."""
    even = np.arange(4000) % 2
    attacks = np.stack([np.tile(even, (3, 1)), np.tile(1 - even, (3, 1))]).astype(float)
    assert worst_foreseen(attacks).mean() == 1.0
    assert attacks.mean(axis=(1, 2)) == pytest.approx([0.5, 0.5])


def test_the_truth_lies_between_the_bounds() -> None:
    """Each image has a best attack with its own chance; the other attacks have less."""
    random = np.random.default_rng(0)
    chances = random.uniform(0, 1, (3, 1, 6000))
    attacks = (random.random((3, 3, 6000)) < chances).astype(float)
    truth = chances.max(axis=0).mean()
    best = chances.mean(axis=(1, 2)).max()
    assert best < worst_foreseen(attacks).mean() < truth < worst_with_hindsight(attacks).mean()


def test_a_standing_brackets_the_worst_case_where_values_are_kept(make_row: MakeRow) -> None:
    values = (np.random.default_rng(0).random((2, 3, 400)) < 0.5).astype(float)
    releases, kept = attacked(make_row, values)
    rows = [row for release in releases for row in release]
    (standing,) = standings(rows, Track.ATTRIBUTE, values_of=values_of(kept))
    worst = standing.per_image
    assert worst is not None
    assert worst.at_least is not None
    assert worst.attacks == 2
    assert worst.at_most.value == pytest.approx(0.75, abs=0.03)
    assert worst.at_least.value == pytest.approx(0.5, abs=0.05)
    assert standings(releases[0], Track.ATTRIBUTE)[0].per_image is None


def test_one_run_has_the_upper_bound_alone_and_one_attack_has_none(make_row: MakeRow) -> None:
    values = (np.random.default_rng(0).random((2, 1, 400)) < 0.5).astype(float)
    releases, kept = attacked(make_row, values)
    worst = per_image(releases, values_of(kept))
    assert worst is not None
    assert worst.at_least is None
    assert per_image([releases[0][:1]], values_of(kept)) is None


def test_other_images_are_not_lined_up(make_row: MakeRow) -> None:
    values = (np.random.default_rng(0).random((2, 2, 400)) < 0.5).astype(float)
    releases, kept = attacked(make_row, values)
    row = releases[1][0]
    kept[row.entry_id] = image_values(row, values[0, 1].tolist(), images="other")
    assert per_image(releases, values_of(kept)) is None
    assert Runs.of([releases[0][0], row], values_of(kept)) is None


def test_configurations_of_other_images_have_intervals_of_their_own() -> None:
    random = np.random.default_rng(0)
    subject = np.arange(100) // 2
    runs = [Runs(images, subject, random.random((2, 100))) for images in ("a", "b", "a")]
    together = intervals(runs)
    assert together == [intervals([one])[0] for one in runs]
