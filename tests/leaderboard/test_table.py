from collections.abc import Callable

from leakboard.leaderboard import Group, groups, standings
from leakboard.leaderboard.ranking.health import flags
from leakboard.leaderboard.tables.entries import entry_columns
from leakboard.leaderboard.tables.standings import answer, standing_columns
from leakboard.leaderboard.tables.table import table
from leakboard.schemas import Direction, LeaderboardRow, Score, Track

MakeRow = Callable[..., LeaderboardRow]


def ranking(rows: list[LeaderboardRow]) -> tuple[list[dict[str, object]], dict[str, str]]:
    (group,) = groups(rows, Track.ATTRIBUTE)
    placed = standings(rows, Track.ATTRIBUTE)
    columns = standing_columns(group, Track.ATTRIBUTE, placed)
    content: list[dict[str, object]] = table(columns, placed).to_pylist()
    return content, {column.label: column.help for column in columns}


def board(make_row: MakeRow) -> list[LeaderboardRow]:
    return [
        make_row("none", (0.8, 0.78, 0.82), anchors={"task_output": (0.25, 0.24, 0.26)}),
        make_row("disco", (0.5, 0.48, 0.52), (0.89, 0.87, 0.91), options={"ratio": 0.6}),
        make_row("noise", (0.2, 0.18, 0.22), (0.6, 0.58, 0.62), flags=["below a trivial anchor"]),
        make_row("pruning", (0.2, 0.18, 0.22), track=Track.RECONSTRUCTION),
    ]


def test_a_row_says_everything_about_a_defense(make_row: MakeRow) -> None:
    content, _ = ranking(board(make_row))
    assert content[0] == {
        "Rank": "1 (provisional)",
        "Defense": "disco",
        "Options": "ratio=0.6",
        "Utility ↑": "0.890 [0.870, 0.910] n=900",
        "Loss ↓": 1.0,
        "Worst-case leakage ↓": "0.500 [0.480, 0.520] n=900",
        "Strongest attack": "classifier",
        "Attacked by": "1 of 1",
        "Since": "2026-11-23T20:00:00Z",
        "Chosen on": "test",
        "Worst case per image ↓": None,
        "Seeds": "1 of 3",
        "Client MFLOPs ↓": 25.48,
        "Task network MFLOPs": 50.33,
        "Client parameters ↓": 276736,
        "Bytes sent ↓": "8,192, 3,500 zstd",
        "Notes": None,
        "Anchor: task output": None,
        "Split layer": "layer1 (4)",
        "Scale": "smoke",
    }
    assert content[1]["Anchor: task output"] == "0.250 [0.240, 0.260] n=900"


def test_what_is_missing_is_missing_and_not_zero(make_row: MakeRow) -> None:
    content, _ = ranking(board(make_row))
    pruning = next(row for row in content if row["Defense"] == "pruning")
    assert pruning["Rank"] == "not ranked"
    assert pruning["Worst-case leakage ↓"] is None
    assert pruning["Strongest attack"] is None
    assert pruning["Notes"] == "no attribute attack yet"


def test_the_notes_hold_the_reason_and_the_flags(make_row: MakeRow) -> None:
    content, _ = ranking(board(make_row))
    noise = next(row for row in content if row["Defense"] == "noise")
    assert noise["Notes"] == ("loses 30 points, more than 5; below a trivial anchor")


def test_every_column_explains_itself_and_every_number_its_direction(make_row: MakeRow) -> None:
    _, explained = ranking(board(make_row))
    assert all(explained.values())
    assert "More is better" in explained["Utility ↑"]
    for label in ("Worst-case leakage ↓", "Loss ↓"):
        assert "Less is better" in explained[label]
    for label in ("Utility ↑", "Worst-case leakage ↓", "Anchor: task output"):
        assert "95 %" in explained[label]
        assert "n = images" in explained[label]


def test_the_answer_names_the_leaders_and_the_undefended_network(make_row: MakeRow) -> None:
    rows = board(make_row)
    assert answer(standings(rows, Track.ATTRIBUTE)) == (
        "Least worst-case leakage: disco ratio=0.6 (0.500 [0.480, 0.520] n=900). "
        "Undefended: none (0.800 [0.780, 0.820] n=900)."
    )
    tied = [*rows, make_row("blur", (0.51, 0.49, 0.53))]
    assert "The data do not separate them." in answer(standings(tied, Track.ATTRIBUTE))
    more = [*tied, make_row("none", (0.7, 0.6, 0.8), attack="second")]
    assert (
        "Not every attack was made on every run: disco ratio=0.6 (by 1 of 2), blur (by 1 of 2). "
        "Undefended: none"
    ) in answer(standings(more, Track.ATTRIBUTE))
    assert answer(standings(rows[1:], Track.ATTRIBUTE)).startswith("No defense is ranked here")


def test_entries_show_every_metric_with_its_direction(make_row: MakeRow) -> None:
    row = make_row("disco", (0.5, 0.48, 0.52), track=Track.RECONSTRUCTION, attack="decoder")
    error = Score(
        metric="l1",
        value=0.07,
        low=0.06,
        high=0.08,
        n=900,
        direction=Direction.LOWER_LEAKS_MORE,
        metric_version=1,
    )
    scores = {**row.report.scores, "l1": error}
    both = row.model_copy(update={"report": row.report.model_copy(update={"scores": scores})})
    entries = [both, make_row("none", (0.8, 0.7, 0.9), track=Track.RECONSTRUCTION)]
    first, second = table(entry_columns(entries, flags(entries)), entries).to_pylist()
    assert first["Attack"] == "decoder"
    assert first["Submitted"] == "2026-11-23T20:00:00Z"
    assert first["ssim (↑ leaks more)"] == "0.500 [0.480, 0.520] n=900"
    assert first["l1 (↓ leaks more)"] == "0.070 [0.060, 0.080] n=900"
    assert second["l1 (↓ leaks more)"] is None


def test_a_group_tells_what_its_entries_share(make_row: MakeRow) -> None:
    group = Group.of(make_row("none", (0.8, 0.7, 0.9), dataset_options={"images": 240}))
    assert (group.split, group.scale, group.dataset_options) == ("test", "smoke", "images=240")
