"""What a reader chooses: the rankings are those of the entries that are left."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from leakboard.leaderboard.ranking.choice import Choice, Images, offers, rankings
from leakboard.schemas import LeaderboardRow, Setting, Track

MakeRow = Callable[..., LeaderboardRow]
CHOICE = Choice(Track.ATTRIBUTE, "synthetic", "test")


@pytest.fixture
def rows(make_row: MakeRow) -> list[LeaderboardRow]:
    """Two defenses; a strong declared attack with many records, a weak verified one with few."""
    return [
        make_row(defense, leakage, attack=attack, budget=budget, verified=verified)
        for defense in ("none", "disco")
        for attack, leakage, budget, verified in (
            ("strong", (0.8, 0.78, 0.82), 10_000, False),
            ("weak", (0.5, 0.48, 0.52), 100, True),
        )
    ]


def strongest(rows: list[LeaderboardRow], choice: Choice) -> Mapping[str, tuple[str, ...]]:
    (ranking,) = rankings(rows, choice)
    return {standing.name: standing.attacks for standing in ranking.standings}


def test_all_attacks_count_by_default(rows: list[LeaderboardRow]) -> None:
    assert strongest(rows, CHOICE) == {"none": ("strong",), "disco": ("strong",)}


@pytest.mark.parametrize(
    "restriction",
    [
        Choice(CHOICE.track, "synthetic", "test", checked="verified"),
        Choice(CHOICE.track, "synthetic", "test", budget=9_999),
    ],
)
def test_the_strongest_of_those_that_count_holds_the_record(
    rows: list[LeaderboardRow], restriction: Choice
) -> None:
    assert strongest(rows, restriction) == {"none": ("weak",), "disco": ("weak",)}


def test_a_defense_that_no_such_attack_was_made_on_stays_and_has_no_leakage(
    rows: list[LeaderboardRow],
) -> None:
    whitebox = Choice(CHOICE.track, "synthetic", "test", setting=Setting.WHITEBOX)
    assert strongest(rows, whitebox) == {"none": (), "disco": ()}
    assert whitebox.restrictions == ["who know whitebox"]


def test_other_data_splits_and_layers_are_not_shown(
    rows: list[LeaderboardRow], make_row: MakeRow
) -> None:
    others = [
        make_row("none", (0.9, 0.8, 1.0), dataset="cifar10"),
        make_row("none", (0.9, 0.8, 1.0), split="validation"),
    ]
    deeper = make_row("none", (0.3, 0.2, 0.4), split_layer="layer2", split_index=6)
    assert {r.group.split_layer for r in rankings([*rows, *others, deeper], CHOICE)} == {
        "layer1",
        "layer2",
    }
    layer2 = Choice(CHOICE.track, "synthetic", "test", split_layer="layer2")
    (ranking,) = rankings([*rows, *others, deeper], layer2)
    assert ranking.rows == [deeper]


@pytest.mark.parametrize("images", ["open", "sealed"])
def test_open_and_sealed_images_are_ranked_apart_and_chosen_apart(
    rows: list[LeaderboardRow], make_row: MakeRow, images: Images
) -> None:
    fresh = make_row("none", (0.7, 0.6, 0.8), sealed=True)
    assert [r.group.sealed for r in rankings([*rows, fresh], CHOICE)] == [False, True]
    (ranking,) = rankings([*rows, fresh], replace(CHOICE, images=images))
    assert ranking.rows == ([fresh] if images == "sealed" else rows)
    assert ranking.group.facts.endswith("sealed images") == (images == "sealed")


def test_what_can_be_chosen_is_what_was_scored_on_the_track(make_row: MakeRow) -> None:
    rows = [
        make_row("none", (0.5, 0.4, 0.6), budget=100, split="validation"),
        make_row("none", (0.5, 0.4, 0.6), budget=10, split_layer="layer2", split_index=6),
        make_row("none", (0.5, 0.4, 0.6), budget=7, attack="prior"),
        make_row("none", (0.5, 0.4, 0.6), track=Track.RECONSTRUCTION, dataset="toys", sealed=True),
    ]
    found = offers(rows)
    assert {track: list(datasets) for track, datasets in found.items()} == {
        Track.ATTRIBUTE: ["synthetic"],
        Track.RECONSTRUCTION: ["toys"],
    }
    offered = found[Track.ATTRIBUTE]["synthetic"]
    assert offered.splits == ("validation", "test")
    assert offered.split_layers == ("layer1", "layer2")
    assert offered.budgets == (10, 100)  # a guess without the activation is no attack
    assert offered.images == ("open",)
    assert found[Track.RECONSTRUCTION]["toys"].images == ("sealed",)
