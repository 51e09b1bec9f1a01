"""The ledger: chosen on validation, reported on test, and who holds the record since when."""

from collections.abc import Callable

import pytest

from leakboard.leaderboard import Standing, standings
from leakboard.leaderboard.ranking.record import record
from leakboard.schemas import LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]
Scored = tuple[str, float, float]  # attack, value on validation, value on test
ScoreTwice = Callable[..., tuple[list[LeaderboardRow], list[LeaderboardRow]]]


@pytest.fixture
def scored(make_row: MakeRow) -> ScoreTwice:
    """Entries of attacks on one release: on validation and on test."""

    def make(*attacks: Scored) -> tuple[list[LeaderboardRow], list[LeaderboardRow]]:
        on_validation = [
            make_row("disco", (v, v - 0.01, v + 0.01), attack=name, split="validation")
            for name, v, _ in attacks
        ]
        on_test = [
            make_row("disco", (t, t - 0.01, t + 0.01), attack=name) for name, _, t in attacks
        ]
        return on_validation, on_test

    return make


def place(on_test: list[LeaderboardRow], on_validation: list[LeaderboardRow]) -> Standing:
    (standing,) = standings(on_test, Track.ATTRIBUTE, validation=on_validation)
    return standing


def test_validation_chooses_and_test_reports(scored: ScoreTwice) -> None:
    on_validation, on_test = scored(("a", 0.60, 0.57), ("b", 0.58, 0.61))
    chosen = place(on_test, on_validation)
    assert chosen.leakage is not None
    assert (chosen.attacks, chosen.leakage.value, chosen.chosen_on) == (
        ("a",),
        0.57,
        ("validation",),
    )
    without = place(on_test, [])
    assert without.leakage is not None
    assert (without.attacks, without.leakage.value, without.chosen_on) == (("b",), 0.61, ("test",))


def test_an_attack_that_was_not_tried_on_validation_contends_as_it_is(
    scored: ScoreTwice, make_row: MakeRow
) -> None:
    on_validation, on_test = scored(("a", 0.60, 0.57), ("b", 0.58, 0.61))
    stronger = make_row("disco", (0.7, 0.69, 0.71), attack="c")
    weaker = make_row("disco", (0.5, 0.49, 0.51), attack="d")
    found = place([*on_test, stronger, weaker], on_validation)
    assert (found.attacks, found.chosen_on) == (("c",), ("test",))


def test_validation_of_another_release_or_budget_chooses_nothing(
    scored: ScoreTwice, make_row: MakeRow
) -> None:
    on_validation, on_test = scored(("a", 0.60, 0.57), ("b", 0.58, 0.61))
    elsewhere = [
        make_row("disco", (0.9, 0.8, 1.0), attack="b", split="validation", **change)
        for change in ({"seed": 1}, {"budget": 10}, {"track": Track.RECONSTRUCTION})
    ]
    assert place(on_test, [*on_validation, *elsewhere]).attacks == ("a",)


def test_the_record_stands_since_its_holder_was_submitted(make_row: MakeRow) -> None:
    days = {"a": "2026-11-20T08:00:00Z", "b": "2026-11-21T08:00:00Z", "c": "2026-11-22T08:00:00Z"}
    values = {"a": 0.5, "b": 0.6, "c": 0.55}
    rows = [
        make_row("disco", (v, v - 0.01, v + 0.01), attack=name, submitted=days[name])
        for name, v in values.items()
    ]
    assert place(rows, []).since == days["b"]


def test_a_few_images_take_the_record_only_where_they_are_sure(make_row: MakeRow) -> None:
    whole = make_row("disco", (0.60, 0.59, 0.61), attack="decoder")
    unsure = make_row("disco", (0.70, 0.55, 0.85), attack="optimised", asked=16, n=16)
    sure = make_row("disco", (0.80, 0.70, 0.90), attack="optimised better", asked=16, n=16)
    assert record([whole, unsure], []).row == whole
    assert record([whole, unsure, sure], []).row == sure
    assert record([unsure], []).row == unsure
