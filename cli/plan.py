"""`leakboard plan`: what releases will take, before anything is made."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import columns, counted

if TYPE_CHECKING:
    from ..generate import Forecast


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "source",
    help="Where the images are, as for generate; without it the published number of images counts.",
)
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="As for generate; repeatable."
)
@click.option("--limit", type=click.IntRange(min=1), help="Use about this many images.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(
    config: Path, source: str | None, changes: tuple[str, ...], limit: int | None, as_json: bool
) -> None:
    """Say what CONFIG, a TOML file or a folder of them, will take: records, shards, bytes, time.

    Bytes (as Parquet, withheld answers included) and seconds are measured here on a few drawn faces
    and untrained networks, and scaled up; what trained networks send may compress otherwise.
    """
    from ..generate import forecast
    from ..schemas import read_configs

    made = forecast(read_configs(config, changes), source, limit)
    if as_json:
        releases = [one.model_dump(mode="json") for one in made]
        totals = {key: sum(one[key] for one in releases) for key in releases[0] if key != "release"}
        click.echo(json.dumps({"releases": releases, "total": totals}))
    else:
        click.echo(_table(made))


def _table(made: "Sequence[Forecast]") -> str:
    head = ["release", "records", "shards", "GB", "training", "writing"]
    rows = [
        [
            one.release,
            f"{one.records:,}",
            f"{one.shards}",
            f"{one.bytes / 1e9:.2f}",
            _duration(one.training_seconds),
            _duration(one.writing_seconds),
        ]
        for one in made
    ]
    total = [
        counted(len(made), "release"),
        f"{sum(one.records for one in made):,}",
        f"{sum(one.shards for one in made)}",
        f"{sum(one.bytes for one in made) / 1e9:.2f}",
        _duration(sum(one.training_seconds for one in made)),
        _duration(sum(one.writing_seconds for one in made)),
    ]
    return columns([head, *rows, total])


def _duration(seconds: float) -> str:
    """Print hours and minutes, or seconds.

    >>> _duration(3725.0), _duration(12.3)
    ('1 h 02 min', '12 s')
    """
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
