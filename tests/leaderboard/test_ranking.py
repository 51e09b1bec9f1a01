import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from leakboard.leaderboard import Estimate, Standing, groups, standings
from leakboard.schemas import ImageValues, LeaderboardRow, Track

from .conftest import image_values

MakeRow = Callable[..., LeaderboardRow]

NONE = ("none", (0.80, 0.78, 0.82))
UTILITY = (0.90, 0.88, 0.92)


def by_name(rows: list[LeaderboardRow], allowed_loss: float = 0.05) -> dict[str, Standing]:
    placed = standings(rows, Track.ATTRIBUTE, allowed_loss)
    return {standing.name: standing for standing in placed}


def ranks(rows: list[LeaderboardRow], allowed_loss: float = 0.05) -> dict[str, str]:
    return {name: str(s.rank) for name, s in by_name(rows, allowed_loss).items() if s.rank}


class TestWorstCase:
    def test_the_strongest_attack_counts_and_is_named(self, make_row: MakeRow) -> None:
        rows = [
            make_row("disco", (0.5, 0.48, 0.52), attack="weak"),
            make_row("disco", (0.7, 0.69, 0.71), attack="strong"),
            make_row("disco", (0.6, 0.58, 0.62), attack="middling"),
        ]
        disco = by_name(rows)["disco"]
        assert disco.leakage == Estimate(0.7, 0.69, 0.71, 900)
        assert disco.attacks == ("strong",)

    def test_a_stronger_attack_lowers_the_rank_of_its_defense_and_of_no_other(
        self, make_row: MakeRow
    ) -> None:
        rows = [
            make_row(*NONE),
            make_row("disco", (0.50, 0.49, 0.51)),
            make_row("noise", (0.60, 0.59, 0.61)),
            make_row("pruning", (0.70, 0.69, 0.71)),
        ]
        stronger = make_row("disco", (0.65, 0.64, 0.66), attack="stronger")
        before, after = by_name(rows), by_name([*rows, stronger])
        assert ranks(rows) == {"disco": "1", "noise": "2", "pruning": "3", "none": "4"}
        assert [n for n in before if after[n].leakage != before[n].leakage] == ["disco"]
        worse = [n for n in before if _rank(after[n]) > _rank(before[n])]
        assert worse == ["disco"]
        assert after["disco"].attacks == ("stronger",)

    def test_a_weaker_attack_changes_nothing_but_how_many_there_are(
        self, make_row: MakeRow
    ) -> None:
        rows = [make_row(*NONE), make_row("disco", (0.5, 0.49, 0.51))]
        weaker = make_row("disco", (0.4, 0.39, 0.41), attack="weaker")
        before, after = by_name(rows), by_name([*rows, weaker])
        counted = {"disco": (1, 1), "none": (1, 1)}
        assert {n: (s.faced, s.known) for n, s in before.items()} == counted
        counted = {"disco": (2, 2), "none": (1, 2)}
        assert {n: (s.faced, s.known) for n, s in after.items()} == counted
        assert {n: replace(s, faced=1, known=1) for n, s in after.items()} == before

    def test_what_was_tried_on_one_run_only_does_not_count(self, make_row: MakeRow) -> None:
        rows = [
            make_row(*NONE, attack="a"),
            make_row("disco", (0.5, 0.4, 0.6), seed=0, attack="a"),
            make_row("disco", (0.5, 0.4, 0.6), seed=0, attack="b"),
            make_row("disco", (0.5, 0.4, 0.6), seed=1, attack="a"),
            make_row("disco", (0.5, 0.4, 0.6), seed=1, attack="c"),
            make_row("disco", (0.5, 0.4, 0.6), seed=1, attack="prior"),
            make_row("disco", (0.5, 0.4, 0.6), seed=1, attack="raw_image", ceiling=True),
            make_row("untouched", (0.5, 0.4, 0.6), track=Track.RECONSTRUCTION, attack="d"),
        ]
        found = {name: (s.faced, s.known) for name, s in by_name(rows).items()}
        assert found == {"none": (1, 3), "disco": (1, 3), "untouched": (0, 3)}

    def test_guessing_and_reading_the_input_are_no_attacks(self, make_row: MakeRow) -> None:
        rows = [
            make_row("disco", (0.5, 0.48, 0.52), anchors={"majority": (0.3, 0.29, 0.31)}),
            make_row("disco", (0.9, 0.88, 0.92), attack="raw_image", ceiling=True),
            make_row("disco", (0.55, 0.54, 0.56), attack="prior"),
        ]
        disco = by_name(rows)["disco"]
        assert disco.leakage == Estimate(0.5, 0.48, 0.52, 900)
        assert {name: anchor.value for name, anchor in disco.anchors.items()} == {
            "majority": 0.3,
            "raw_image": 0.9,
        }

    def test_each_release_has_its_own_strongest_attack(self, make_row: MakeRow) -> None:
        rows = [
            make_row("disco", (0.5, 0.5, 0.5), seed=0, attack="a"),
            make_row("disco", (0.4, 0.4, 0.4), seed=0, attack="b"),
            make_row("disco", (0.3, 0.3, 0.3), seed=1, attack="a"),
            make_row("disco", (0.6, 0.6, 0.6), seed=1, attack="b"),
        ]
        disco = by_name(rows)["disco"]
        assert disco.leakage is not None
        assert disco.leakage.value == pytest.approx((0.5 + 0.6) / 2)
        assert set(disco.attacks) == {"a", "b"}

    def test_only_what_the_scorer_says_of_the_record_is_repeated(self, make_row: MakeRow) -> None:
        rows = [
            make_row("disco", (0.3, 0.2, 0.4), attack="weak", flags=["below a trivial anchor"]),
            make_row("disco", (0.5, 0.4, 0.6), attack="strong"),
        ]
        assert by_name(rows[:1])["disco"].flags == ("below a trivial anchor",)
        assert by_name(rows)["disco"].flags == ()


class TestUtility:
    @pytest.mark.parametrize(("allowed", "ranked"), [(0.01, 2), (0.03, 3), (0.05, 4)])
    def test_each_band_takes_in_the_tighter_ones(
        self, make_row: MakeRow, allowed: float, ranked: int
    ) -> None:
        rows = [make_row(*NONE, utility=UTILITY)]
        for utility in (0.89, 0.87, 0.85, 0.84):  # losses of exactly 1, 3 and 5 points, and more
            rows.append(
                make_row(f"loses to {utility}", (0.5, 0.4, 0.6), (utility, utility, utility))
            )
        assert len(ranks(rows, allowed)) == ranked

    def test_beyond_the_band_it_is_shown_with_the_reason(self, make_row: MakeRow) -> None:
        rows = [make_row(*NONE), make_row("noise", (0.2, 0.1, 0.3), (0.6, 0.58, 0.62))]
        noise = by_name(rows)["noise"]
        assert noise.leakage == Estimate(0.2, 0.1, 0.3, 900)
        assert noise.rank is None
        assert noise.unranked == "loses 30 points, more than 5"

    def test_the_best_undefended_configuration_is_the_reference(self, make_row: MakeRow) -> None:
        rows = [
            make_row(*NONE, (0.90, 0.88, 0.92)),
            make_row(*NONE, (0.94, 0.92, 0.96), options={"longer": True}),
            make_row("disco", (0.5, 0.4, 0.6), (0.91, 0.89, 0.93)),
        ]
        assert by_name(rows)["disco"].loss == pytest.approx(0.03)

    def test_a_control_is_no_reference(self, make_row: MakeRow) -> None:
        rows = [
            make_row(*NONE, (0.99, 0.98, 1.0), options={"control": True}, ranked=False),
            make_row("disco", (0.5, 0.4, 0.6)),
        ]
        disco = by_name(rows)["disco"]
        assert (disco.rank, disco.loss) == (None, None)
        assert disco.unranked == "no undefended release"


class TestTies:
    def test_overlapping_intervals_share_places(self, make_row: MakeRow) -> None:
        rows = [
            make_row(*NONE, anchors={}),
            make_row("a", (0.50, 0.45, 0.55)),
            make_row("b", (0.58, 0.53, 0.63)),
            make_row("c", (0.66, 0.61, 0.71)),
        ]
        # a and c are told apart, b from neither
        assert ranks(rows) == {"a": "1-2", "b": "1-3", "c": "2-3", "none": "4"}

    def test_equal_entries_are_tied(self, make_row: MakeRow) -> None:
        rows = [make_row(name, (0.5, 0.5, 0.5)) for name in ("none", "a", "b")]
        assert set(ranks(rows).values()) == {"1-3"}

    def test_what_is_not_ranked_takes_no_place(self, make_row: MakeRow) -> None:
        rows = [
            make_row(*NONE),
            make_row("disco", (0.5, 0.49, 0.51)),
            make_row("strong noise", (0.1, 0.09, 0.11), (0.5, 0.48, 0.52)),
            make_row("noise only", (0.1, 0.09, 0.11), ranked=False),
        ]
        assert ranks(rows) == {"disco": "1", "none": "2"}


class TestPairs:
    """Values per image tell apart what intervals that overlap do not."""

    def rows(
        self, make_row: MakeRow, values: dict[str, NDArray[np.float64]]
    ) -> tuple[list[LeaderboardRow], dict[str, ImageValues]]:
        rows, kept = [], {}
        for name, runs in values.items():
            for seed, of_images in enumerate(runs):
                mean = float(of_images.mean())
                interval = (mean, mean - 0.05, mean + 0.05)
                row = make_row(name, interval, seed=seed, n=len(of_images))
                rows.append(row)
                kept[row.entry_id] = image_values(row, of_images.tolist())
        return rows, kept

    def ranks(self, rows: list[LeaderboardRow], kept: dict[str, ImageValues]) -> dict[str, str]:
        placed = standings(rows, Track.ATTRIBUTE, values_of=lambda row: kept.get(row.entry_id))
        return {standing.name: str(standing.rank) for standing in placed}

    def test_the_same_images_are_compared_image_by_image(self, make_row: MakeRow) -> None:
        read = np.random.default_rng(0).random((3, 1000))
        easy = read[:1] + np.zeros((3, 1))
        values = {
            "none": easy + 0.02 * (1 + read),
            "a": easy + 0.01 * read,
            "b": easy + 0.01 * read,
        }
        rows, kept = self.rows(make_row, values)
        assert ranks(rows) == {"none": "1-3", "a": "1-3", "b": "1-3"}
        assert self.ranks(rows, kept) == {"none": "3", "a": "1-2", "b": "1-2"}

    def test_equal_entries_are_tied(self, make_row: MakeRow) -> None:
        run = np.random.default_rng(0).random((3, 100))
        rows, kept = self.rows(make_row, dict.fromkeys(("none", "a", "b"), run))
        assert set(self.ranks(rows, kept).values()) == {"1-3"}

    def test_seeds_that_disagree_separate_nothing(self, make_row: MakeRow) -> None:
        read = np.random.default_rng(0).random(1000)
        shifts = np.array([[-0.3], [0.0], [0.3]])
        rows, kept = self.rows(make_row, {"none": read + shifts, "a": read - 0.05 + shifts[::-1]})
        assert set(self.ranks(rows, kept).values()) == {"1-2"}

    def test_the_interval_is_over_seeds_and_subjects(self, make_row: MakeRow) -> None:
        read = np.random.default_rng(0).random(1000)
        rows, kept = self.rows(make_row, {"none": read + np.array([[-0.02], [0.0], [0.02]])})
        (found,) = standings(rows, Track.ATTRIBUTE, values_of=lambda row: kept.get(row.entry_id))
        assert found.leakage is not None
        training = 4.303 * 0.02 / math.sqrt(3)
        images = 1.98 * read.std() / math.sqrt(1000)
        half = (found.leakage.high - found.leakage.low) / 2
        assert half == pytest.approx(math.hypot(training, images), rel=0.1)
        assert found.leakage.n == 1000

    def test_a_stronger_attack_changes_nothing_between_two_other_defenses(
        self, make_row: MakeRow
    ) -> None:
        """Whatever the others' p-values are; under Holm's rule all verdicts hang together."""
        random = np.random.default_rng(1)
        means = {"none": 0.12, "a": 0.0, "b": 0.05, "c": 0.07, "d": 0.09}
        values = {name: 0.3 * random.random((1, 400)) + mean for name, mean in means.items()}
        before = self.placed(make_row, values)
        assert before["a"] == (1, 1)
        assert len(set(before.values())) > 3
        for more in np.linspace(0.02, 0.4, 8):
            after = self.placed(make_row, {**values, "a": values["a"] + more})
            assert {name for name in means if after[name] > before[name]} <= {"a"}
        assert after["a"] == (5, 5)

    def placed(
        self, make_row: MakeRow, values: dict[str, NDArray[np.float64]]
    ) -> dict[str, tuple[int, int]]:
        rows, kept = self.rows(make_row, values)
        placed = standings(rows, Track.ATTRIBUTE, values_of=lambda row: kept.get(row.entry_id))
        return {standing.name: _rank(standing) for standing in placed}


class TestSeeds:
    def test_three_seeds_make_a_rank_firm(self, make_row: MakeRow) -> None:
        rows = [make_row("none", (0.8, 0.78, 0.82), seed=seed) for seed in (0, 1, 2)]
        assert by_name(rows[:2])["none"].provisional
        assert not by_name(rows)["none"].provisional
        assert len(by_name(rows)) == 1

    def test_the_same_seed_twice_is_one_seed(self, make_row: MakeRow) -> None:
        rows = [make_row("none", (0.8, 0.7, 0.9), secret=secret) for secret in "abc"]
        none = by_name(rows)["none"]
        assert none.seeds == (0,)
        assert none.provisional

    def test_only_attacked_seeds_count(self, make_row: MakeRow) -> None:
        rows = [
            make_row("none", (0.8, 0.7, 0.9), seed=0),
            make_row("none", (0.6, 0.5, 0.7), seed=1, track=Track.RECONSTRUCTION),
        ]
        assert by_name(rows)["none"].seeds == (0,)


class TestMissing:
    def test_without_an_attack_there_is_neither_leakage_nor_rank(self, make_row: MakeRow) -> None:
        rows = [
            make_row(*NONE),
            make_row("disco", (0.3, 0.2, 0.4), track=Track.RECONSTRUCTION),
        ]
        disco = by_name(rows)["disco"]
        assert (disco.leakage, disco.rank) == (None, None)
        assert disco.unranked == "no attribute attack yet"
        assert disco.utility == Estimate(*UTILITY, 900)

    def test_a_guess_alone_is_not_an_attack(self, make_row: MakeRow) -> None:
        rows = [make_row(*NONE), make_row("disco", (0.3, 0.2, 0.4), attack="prior")]
        assert by_name(rows)["disco"].leakage is None


class TestGroups:
    @pytest.mark.parametrize(
        "change",
        [
            {"dataset": "cifar10"},
            {"dataset_options": {"images": 100}},
            {"task": "glasses"},
            {"sensitive": "race"},
            {"image_size": 64},
            {"split_layer": "layer2", "split_index": 5},
            {"scale": "paper"},
        ],
    )
    def test_unlike_things_are_never_compared(
        self, make_row: MakeRow, change: dict[str, object]
    ) -> None:
        rows = [make_row(*NONE), make_row("disco", (0.5, 0.4, 0.6), **change)]
        assert len(groups(rows, Track.ATTRIBUTE)) == 2

    def test_a_group_is_shown_in_the_tracks_it_was_scored_in(self, make_row: MakeRow) -> None:
        rows = [make_row(*NONE), make_row("disco", (0.5, 0.4, 0.6))]
        assert len(groups(rows, Track.ATTRIBUTE)) == 1
        assert groups(rows, Track.RECONSTRUCTION) == {}


def test_the_order_of_the_entries_does_not_matter(make_row: MakeRow) -> None:
    draw = random.Random(0)
    rows = [
        make_row(
            name,
            (value := draw.uniform(0.3, 0.8), value - 0.05, value + 0.05),
            seed=seed,
            attack=f"attack {seed}",
        )
        for name in ("none", "disco", "noise", "pruning")
        for seed in range(3)
    ]
    expected = standings(rows, Track.ATTRIBUTE)
    for _ in range(5):
        draw.shuffle(rows)
        found = standings(rows, Track.ATTRIBUTE)
        assert [(s.name, s.rank, s.attacks) for s in found] == [
            (s.name, s.rank, s.attacks) for s in expected
        ]


def test_the_least_leaking_comes_first_and_controls_last(make_row: MakeRow) -> None:
    rows = [
        make_row("control", (0.1, 0.0, 0.2), ranked=False),
        make_row("unattacked", (0.1, 0.0, 0.2), track=Track.RECONSTRUCTION),
        make_row(*NONE),
        make_row("disco", (0.5, 0.4, 0.6)),
    ]
    names = [standing.name for standing in standings(rows, Track.ATTRIBUTE)]
    assert names == ["disco", "none", "unattacked", "control"]


def _rank(standing: Standing) -> tuple[int, int]:
    assert standing.rank is not None
    return standing.rank.best, standing.rank.worst
