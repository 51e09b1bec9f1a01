"""Columns of the tables about one defense or one attack."""

from collections.abc import Sequence

from ...schemas import Score, Track
from ..ranking.results import Result, Step
from .table import INTERVAL, LEAKS_MORE, MEASURE, Column


def result_columns(results: Sequence[Result], first: Sequence[str]) -> list[Column[Result]]:
    """The columns of a list of results; `first` names those that tell its rows apart."""
    about = {
        "Attack": Column(
            "Attack",
            "The attack with its options; leads to all about it.",
            lambda result: result.attack,
            page="attack",
            chosen=lambda result: {"attack": result.attack, "defense": result.target},
        ),
        "Defense": Column[Result](
            "Defense",
            "What was attacked, with its options; leads to all about it.",
            lambda result: result.target,
            page="defense",
            chosen=lambda result: {"defense": result.target},
        ),
    }
    common: list[Column[Result]] = [
        Column("Knows", "What the attacker knows.", lambda r: str(r.first.report.setting)),
        Column(
            "Auxiliary records",
            "How many records with their answers the attacker learned from.",
            lambda result: result.first.report.auxiliary_records,
        ),
        Column(
            "Seeds",
            "Training runs of the defense that were attacked.",
            lambda result: ", ".join(map(str, result.seeds)),
        ),
        Column(
            "Checked",
            "Verified: the organiser ran the attack. Declared: its predictions were scored.",
            lambda r: "verified" if all(row.verified for row in r.rows) else "declared",
        ),
    ]
    scores = {n: s for r in results for row in r.rows for n, s in row.report.scores.items()}
    metrics = [_metric_column(name, score) for name, score in scores.items()]
    return [*(about[name] for name in first), *metrics, *common]


def _metric_column(name: str, score: Score) -> Column[Result]:
    return Column(
        f"{name} ({LEAKS_MORE[score.direction]})",
        f"{INTERVAL} Mean over seeds. {score.direction.capitalize()}.",
        lambda result: result.score(name),
    )


def history_columns(track: Track) -> list[Column[Step]]:
    """The columns of the history of a worst case."""
    return [
        Column("Since", "When the entry that raised it was submitted, in UTC.", lambda s: s.since),
        Column(
            "Worst-case leakage ↓",
            f"What the strongest attack so far reads: {MEASURE[track]}. {INTERVAL}",
            lambda step: step.leakage,
        ),
        Column(
            "Strongest attack",
            "The attacks that held the records of the training runs.",
            lambda step: ", ".join(step.attacks),
            page="attack",
            chosen=lambda step: {"attack": step.attacks[0]},
        ),
    ]
