"""`leakboard schema`: print the JSON Schema of what is on disk and on the wire."""

import json

import click

from .. import schemas
from ..schemas import Record, UnknownName
from ..schemas.errors import nearest

RECORDS: dict[str, type[Record]] = {
    "bound-report": schemas.BoundReport,
    "comparison": schemas.ComparisonReport,
    "config": schemas.Config,
    "judge-header": schemas.JudgeHeader,
    "leaderboard-row": schemas.LeaderboardRow,
    "manifest": schemas.Manifest,
    "measurements": schemas.Measurements,
    "prediction-header": schemas.PredictionHeader,
    "release-bounds": schemas.ReleaseBounds,
    "score": schemas.Score,
    "score-report": schemas.ScoreReport,
    "statement": schemas.Statement,
    "submission": schemas.Submission,
}


@click.command()
@click.argument("record")
def schema(record: str) -> None:
    """Print the JSON Schema of a record."""
    if record not in RECORDS:
        raise UnknownName(f"there is no record {record!r}: {nearest(record, RECORDS)}")
    click.echo(json.dumps(RECORDS[record].model_json_schema(), indent=2))
