"""Tables and figures of the board as files: numbers for programs, LaTeX and pictures for papers."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from .figures.figure import Figure
from .tables.table import Column, Row, numbers, table

WIDTH = 720  # pixels of a figure as a file; a PNG has twice as many
ARROWS = {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}
LONG = 40  # rows; a longer LaTeX table runs over pages


@dataclass(frozen=True)
class Format:
    """A kind of file: the end of its name, and its media type."""

    suffix: str
    mime: str


CSV = Format("csv", "text/csv")
JSON = Format("json", "application/json")
PARQUET = Format("parquet", "application/vnd.apache.parquet")
LATEX = Format("tex", "application/x-tex")
BIBTEX = Format("bib", "application/x-bibtex")
SVG = Format("svg", "image/svg+xml")
PNG = Format("png", "image/png")

Files = Mapping[Format, Callable[[], bytes]]


def table_files(
    columns: Sequence[Column[Row]], rows: Sequence[Row], cited: Collection[str] = ()
) -> Files:
    """The files of a table, each made when it is called for; `cited` are defenses and attacks.

    There is no BibTeX file where no work behind them is known.
    """
    written = {
        CSV: lambda: to_csv(numbers(columns, rows)),
        JSON: lambda: to_json(numbers(columns, rows)),
        PARQUET: lambda: to_parquet(numbers(columns, rows)),
        LATEX: lambda: to_latex(table(columns, rows)),
    }
    known = bibliography(cited)
    return written | ({BIBTEX: known.encode} if known else {})


def figure_files(figure: Figure) -> Files:
    """The files of a figure, each made when it is called for."""
    return {SVG: lambda: to_svg(figure), PNG: lambda: to_png(figure)}


def to_csv(content: pa.Table) -> bytes:
    """Write comma-separated values in UTF-8; a missing value is an empty field."""
    buffer = BytesIO()
    pyarrow.csv.write_csv(content, buffer)
    return buffer.getvalue()


def to_json(content: pa.Table) -> bytes:
    """Write a list with an object for each row."""
    return json.dumps(content.to_pylist(), indent=2, ensure_ascii=False).encode()


def to_parquet(content: pa.Table) -> bytes:
    """Write Parquet."""
    buffer = BytesIO()
    pq.write_table(content, buffer, compression="zstd")
    return buffer.getvalue()


def to_latex(content: pa.Table) -> bytes:
    """Write a `booktabs` table, as people read it; long ones need `longtable`."""
    text: str = content.to_pandas().to_latex(
        index=False, escape=True, na_rep="--", longtable=content.num_rows > LONG
    )
    return re.sub("[↑↓]", lambda arrow: ARROWS[arrow[0]], text).encode()


def to_svg(figure: Figure) -> bytes:
    """Draw a figure as SVG."""
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(_spelled_out(figure))
    return svg.encode()


def to_png(figure: Figure) -> bytes:
    """Draw a figure as PNG, at twice its size in pixels."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_spelled_out(figure), scale=2))


def _spelled_out(figure: Figure) -> dict[str, Any]:
    """A figure as plain data, as wide as a file is."""
    data = {name: content.to_pylist() for name, content in figure["datasets"].items()}
    return figure | {"datasets": data, "width": WIDTH}


def bibliography(cited: Collection[str]) -> str:
    """The BibTeX entries of the works behind defenses and attacks, as far as they are known.

    >>> bibliography(["max_entropy"]).splitlines()[0]
    '@inproceedings{max_entropy,'
    """
    return "\n".join(entry for about, entry in _entries() if not about.isdisjoint(cited))


@cache
def _entries() -> list[tuple[set[str], str]]:
    """Each entry, and the names of what it is the work behind: its key and its keywords."""
    text = (files(__package__) / "citations.bib").read_text("utf-8")
    return [
        ({found[1], *_keywords(found[0])}, re.sub(r",\n  keywords = \{.*?\}", "", found[0]))
        for found in re.finditer(r"^@\w+\{(\w+),.*?^\}\n", text, re.MULTILINE | re.DOTALL)
    ]


def _keywords(entry: str) -> list[str]:
    listed = re.search(r"keywords = \{(.*?)\}", entry)
    return listed[1].split(", ") if listed else []
