"""One attack on one configuration over its seeds; the history of a worst case; commands."""

import shlex
from collections.abc import Callable

import click
import pytest

from leakboard.cli import cli
from leakboard.leaderboard.figures.curves import Point, curve, ladder
from leakboard.leaderboard.ranking.estimates import Estimate
from leakboard.leaderboard.ranking.results import commands, history, results
from leakboard.schemas import LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]


def test_seeds_are_one_result_and_attacks_are_not(make_row: MakeRow) -> None:
    rows = [
        make_row("disco", (value, value - 0.1, value + 0.1), seed=seed, attack=attack)
        for attack, values in (("weak", (0.3, 0.5)), ("strong", (0.6, 0.8)))
        for seed, value in enumerate(values)
    ]
    found = results(rows)
    assert [(r.attack, r.seeds, round(r.headline.value, 9)) for r in found] == [
        ("strong", [0, 1], 0.7),
        ("weak", [0, 1], 0.4),
    ]
    assert found[0].score("top1") == found[0].headline
    assert found[0].score("ssim") is None


class TestHistory:
    def test_the_worst_case_rises_with_each_stronger_attack_and_never_falls(
        self, make_row: MakeRow
    ) -> None:
        rows = [
            make_row(
                "disco",
                (value, value - 0.1, value + 0.1),
                attack=f"attack {day}",
                submitted=f"2026-11-0{day}T00:00:00Z",
            )
            for day, value in ((1, 0.4), (2, 0.3), (3, 0.6))
        ]
        steps = history(rows, Track.ATTRIBUTE)
        assert [(s.since[:10], s.leakage.value, s.attacks) for s in steps] == [
            ("2026-11-01", 0.4, ("attack 1",)),
            ("2026-11-03", 0.6, ("attack 3",)),
        ]

    def test_it_ends_with_the_attack_that_validation_chooses(self, make_row: MakeRow) -> None:
        late = {"submitted": "2026-11-02T00:00:00Z"}
        rows = [
            make_row("disco", (0.4, 0.3, 0.5), attack="steady"),
            make_row("disco", (0.6, 0.5, 0.7), attack="lucky", **late),
        ]
        tried = [
            make_row("disco", (0.4, 0.3, 0.5), attack="steady", split="validation"),
            make_row("disco", (0.2, 0.1, 0.3), attack="lucky", split="validation", **late),
        ]
        assert history(rows, Track.ATTRIBUTE, tried)[-1].attacks == ("steady",)

    def test_nobody_attacked_no_history(self) -> None:
        assert history([], Track.ATTRIBUTE) == []


@pytest.mark.parametrize(
    ("options", "budget", "asked"),
    [({}, 1000, None), ({"track": "reconstruction", "epochs": 3, "x": None}, 10, 64)],
)
def test_the_commands_shown_are_commands(
    make_row: MakeRow, options: dict[str, object], budget: int, asked: int | None
) -> None:
    row = make_row("disco", (0.4, 0.3, 0.5), budget=budget, asked=asked)
    report = row.report.model_copy(update={"options": options})
    attack, score = commands(row.model_copy(update={"report": report}), 1000)
    for line in (attack, score):
        _, name, *arguments = shlex.split(line)
        parent = click.Context(cli, info_name="leakboard", **cli.context_settings)
        context = click.Context(cli.commands[name], parent, name)
        cli.commands[name].parse_args(context, arguments)
    assert ("--auxiliary 10" in attack) == (budget < 1000)
    assert ("--images 64" in attack) == (asked is not None)
    assert ("--set epochs=3" in attack) == ("epochs" in options)


@pytest.mark.parametrize("draw", [curve, ladder])
def test_a_curve_holds_every_estimate_with_its_interval(draw: Callable[..., object]) -> None:
    points = [Point("a", 1, Estimate(0.5, 0.4, 0.6, 10)), Point("b", 2, Estimate(0.7, 0.6, 0.8, 9))]
    titles = ["x", "y"] if draw is curve else ["y"]
    spec = draw(points, *titles).to_dict()  # type: ignore[attr-defined]
    (values,) = spec["datasets"].values()
    found = [(v["series"], v["x"], v["low"], v["value"], v["high"]) for v in values]
    assert found == [("a", 1, 0.4, 0.5, 0.6), ("b", 2, 0.6, 0.7, 0.8)]
