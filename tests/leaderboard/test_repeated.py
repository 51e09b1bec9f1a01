"""What asking a random defense again gives away, beside where it stands."""

from collections.abc import Callable

from leakboard.leaderboard import Estimate, Standing, groups, standings
from leakboard.leaderboard.ranking.health import flags
from leakboard.leaderboard.tables.standings import answer, standing_columns
from leakboard.leaderboard.tables.table import table
from leakboard.schemas import LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]
LABEL = "Asked 16 times ↓"


def board(make_row: MakeRow) -> list[LeaderboardRow]:
    return [
        make_row("none", (0.8, 0.78, 0.82)),
        make_row("disco", (0.5, 0.48, 0.52)),
        make_row("noise", (0.4, 0.38, 0.42), attack="averaging", repeated=(0.6, 0.55, 0.65)),
        make_row("noise", (0.45, 0.43, 0.47), attack="once"),
    ]


def placed(rows: list[LeaderboardRow]) -> dict[str, Standing]:
    return {one.name: one for one in standings(rows, Track.ATTRIBUTE)}


def test_it_is_of_an_attack_that_saw_all_answers_whoever_holds_the_record(
    make_row: MakeRow,
) -> None:
    found = placed(board(make_row))
    assert found["noise"].attacks == ("once",)
    assert found["noise"].repeated == Estimate(0.6, 0.55, 0.65, 500)
    assert found["disco"].repeated is None


def test_validation_chooses_among_those_attacks_too(make_row: MakeRow) -> None:
    rows = [
        make_row("noise", (0.4, 0.3, 0.5), attack="chosen", repeated=(0.5, 0.4, 0.6)),
        make_row("noise", (0.5, 0.4, 0.6), attack="lucky", repeated=(0.7, 0.6, 0.8)),
    ]
    tried = [
        make_row("noise", (value, 0.3, 0.6), attack=attack, split="validation")
        for attack, value in (("chosen", 0.5), ("lucky", 0.4))
    ]
    (noise,) = standings(rows, Track.ATTRIBUTE, validation=tried)
    assert noise.repeated == Estimate(0.5, 0.4, 0.6, 500)


def test_what_is_asked_about_more_often_on_validation_is_not_fitted_to_it(
    make_row: MakeRow,
) -> None:
    """Averaging reads more of repeated queries, and validation has a larger share of them."""
    once, often = (0.5, 0.49, 0.51), (0.6, 0.58, 0.62)
    on_test = make_row("noise", once, repeated=often)
    alike = make_row("noise", often, split="validation", repeated=often)
    assert flags([on_test], [alike]) == {on_test.entry_id: ()}
    unknown = make_row("noise", often, split="validation")
    assert flags([on_test], [unknown]) == {on_test.entry_id: ()}
    fitted = make_row("noise", often, split="validation", repeated=(0.7, 0.68, 0.72))
    assert (
        "fitted to validation: it reads +0.100" in flags([on_test], [fitted])[on_test.entry_id][0]
    )


def test_several_runs_are_averaged(make_row: MakeRow) -> None:
    rows = [
        make_row("noise", (0.4, 0.3, 0.5), seed=seed, repeated=(value, value, value))
        for seed, value in enumerate((0.5, 0.6, 0.7))
    ]
    again = placed(rows)["noise"].repeated
    assert again is not None
    assert abs(again.value - 0.6) < 1e-9
    assert again.low < 0.5 < 0.7 < again.high


def test_the_rank_is_not_by_it_and_the_answer_says_it(make_row: MakeRow) -> None:
    rows = board(make_row)
    said = answer(standings(rows, Track.ATTRIBUTE))
    assert said.startswith("Least worst-case leakage: noise (0.450 [0.430, 0.470] n=900). ")
    assert " Asked 16 times about an image: noise (0.600 [0.550, 0.650] n=500). " in said


def test_the_column_is_there_where_a_defense_was_asked_again(make_row: MakeRow) -> None:
    rows = board(make_row)
    assert _labels(rows[:2]).isdisjoint({LABEL})
    assert LABEL in _labels(rows)
    (group,) = groups(rows, Track.ATTRIBUTE)
    found = standings(rows, Track.ATTRIBUTE)
    content = table(standing_columns(group, Track.ATTRIBUTE, found), found).to_pylist()
    assert {row["Defense"]: row[LABEL] for row in content} == {
        "noise": "0.600 [0.550, 0.650] n=500",
        "disco": None,
        "none": None,
    }


def _labels(rows: list[LeaderboardRow]) -> set[str]:
    (group,) = groups(rows, Track.ATTRIBUTE)
    found = standings(rows, Track.ATTRIBUTE)
    return {column.label for column in standing_columns(group, Track.ATTRIBUTE, found)}
