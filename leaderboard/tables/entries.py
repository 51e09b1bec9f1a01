"""Columns of the list of entries."""

from collections.abc import Sequence

from ...schemas import LeaderboardRow, Score
from ..ranking.estimates import Estimate
from ..ranking.health import Flags
from ..ranking.record import attack_name, target
from ..text import written
from .table import FLOOR, INTERVAL, LEAKS_MORE, Column, beside


def entry_columns(rows: Sequence[LeaderboardRow], flags: Flags) -> list[Column[LeaderboardRow]]:
    """The columns of a list of entries, with one for each metric that was scored."""
    first: list[Column[LeaderboardRow]] = [
        Column(
            "Attack",
            "The attack with its options, or the name that it was submitted under; leads to all "
            "about it.",
            attack_name,
            page="attack",
            chosen=lambda row: {"attack": attack_name(row), "defense": target(row)},
        ),
        Column("Knows", "What the attacker knows.", lambda row: str(row.report.setting)),
        Column("Defense", "What was attacked.", lambda row: row.defense),
        Column("Options", "The defense's options.", lambda row: written(row.defense_options)),
        Column("Seed", "The seed of the defense's training.", lambda row: row.seed),
    ]
    floors: list[Column[LeaderboardRow]] = [
        Column(
            "Error beside floor",
            "Root mean square error in grey levels, and the floor that no attacker without prior "
            f"knowledge goes below. {FLOOR}",
            lambda row: beside(row.report.floors),
            True,
        )
    ]
    last: list[Column[LeaderboardRow]] = [
        Column(
            "Checked",
            "Verified: the organiser ran the attack. Declared: its predictions were scored.",
            lambda row: "verified" if row.verified else "declared",
        ),
        Column(
            "Flags",
            "Reasons to doubt it.",
            lambda row: "; ".join(flags[row.entry_id]) or None,
            True,
        ),
        Column(
            "Authors",
            "Who submitted it; empty where the organiser did.",
            lambda row: ", ".join(row.submission.authors) if row.submission else None,
        ),
        Column(
            "Paper",
            "Where it is described.",
            lambda row: row.submission.paper if row.submission else None,
        ),
        Column("Submitted", "Time in UTC.", lambda row: row.submitted),
        Column("Entry", "Its file in the folder results.", lambda row: row.entry_id),
    ]
    scores = {name: score for row in rows for name, score in row.report.scores.items()}
    shown = floors if any(row.report.floors for row in rows) else []
    columns = (_score_column(name, score) for name, score in scores.items())
    return [*first, *columns, *shown, *last]


def _score_column(name: str, score: Score) -> Column[LeaderboardRow]:
    return Column(
        f"{name} ({LEAKS_MORE[score.direction]})",
        f"{INTERVAL} {score.direction.capitalize()}.",
        lambda row: _score(row.report.scores.get(name)),
    )


def _score(score: Score | None) -> Estimate | None:
    return None if score is None else Estimate.of(score)
