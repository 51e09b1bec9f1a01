"""Every file of a table and a figure is read back by something else than what wrote it."""

import csv
import io
import json
import re
from collections.abc import Callable
from importlib.resources import files
from xml.etree import ElementTree

import polars
import pytest
from PIL import Image

from leakboard.evaluate.attacks import REGISTRY as ATTACKS
from leakboard.generate.defenses import REGISTRY as DEFENSES
from leakboard.leaderboard import export, standings
from leakboard.leaderboard.export import bibliography, figure_files, table_files
from leakboard.leaderboard.figures.figure import trade_off
from leakboard.leaderboard.ranking.health import flags
from leakboard.leaderboard.tables.entries import entry_columns
from leakboard.schemas import LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]
TOP1 = "top1 (↑ leaks more)"


@pytest.fixture
def written(make_row: MakeRow) -> dict[str, bytes]:
    rows = [
        make_row("none", (0.8, 0.78, 0.82), options={"a": "x,y\n50% & more_"}),
        make_row("disco", (0.5, 0.48, 0.52), attack="decoder"),
    ]
    made = table_files(entry_columns(rows, flags(rows)), rows, ["disco", "decoder"])
    return {kind.suffix: content() for kind, content in made.items()}


def test_csv_json_and_parquet_hold_the_same_numbers(written: dict[str, bytes]) -> None:
    from_csv = list(csv.DictReader(io.StringIO(written["csv"].decode())))
    from_json = json.loads(written["json"])
    from_parquet = polars.read_parquet(written["parquet"]).to_dicts()
    assert from_json == from_parquet
    for row, line in zip(from_json, from_csv, strict=True):
        assert {name: "" if value is None else value for name, value in row.items()} == {
            name: type(row[name])(line[name]) if line[name] else "" for name in row
        }
    assert [from_json[0][f"{TOP1} {part}"] for part in ("value", "low", "high", "n")] == [
        0.8,
        0.78,
        0.82,
        900,
    ]


def test_latex_has_a_line_for_each_row_and_nothing_that_latex_would_run(
    written: dict[str, bytes],
) -> None:
    text = written["tex"].decode()
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    assert body.count(r"\\") == 2
    assert r"50\% \& more\_" in body
    assert r"top1 ($\uparrow$ leaks more)" in text
    assert "0.800 [0.780, 0.820] n=900" in body


def test_bibtex_holds_what_is_cited_and_known(written: dict[str, bytes]) -> None:
    assert re.findall(r"^@\w+\{(\w+),", written["bib"].decode(), re.MULTILINE) == ["disco"]
    assert bibliography(["expert_filters"]) == bibliography(["disco"])
    assert bibliography(["linear_probe"]) == ""


def test_every_citation_is_of_a_defense_or_an_attack_here() -> None:
    text = (files(export.__package__) / "citations.bib").read_text("utf-8")
    keys = re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE)
    named = [name for line in re.findall(r"keywords = \{(.*)\}", text) for name in line.split(", ")]
    assert len(set(keys)) == len(keys)
    assert {*keys, *named} <= {*ATTACKS.names(), *DEFENSES.names()}
    assert text.count("{") == text.count("}")


def test_a_figure_is_a_picture(make_row: MakeRow) -> None:
    rows = [make_row("none", (0.8, 0.78, 0.82)), make_row("disco", (0.5, 0.48, 0.52))]
    figure = trade_off(standings(rows, Track.ATTRIBUTE), Track.ATTRIBUTE)
    made = {kind.suffix: content() for kind, content in figure_files(figure).items()}
    svg = ElementTree.fromstring(made["svg"])
    assert "disco" in "".join(svg.itertext())
    with Image.open(io.BytesIO(made["png"])) as picture:
        assert picture.width > 2 * export.WIDTH
