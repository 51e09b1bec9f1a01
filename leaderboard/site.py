"""The board as static pages that any web server or file browser shows, with its files beside them.

`index.html`, one page for each dataset, track and split, `gallery.html`, `method.html`, and
`board.json` for scripts; tables as CSV in `tables/`, figures as SVG in `figures/`.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..schemas import PUBLIC_SPLITS, LeaderboardRow, MissingData, OutputExists, Track
from ..schemas.files import write_bytes, write_text
from .export import to_csv, to_svg
from .figures.figure import trade_off
from .figures.pictures import View, magnified, scores, views
from .method import METRIC_COLUMNS, METRICS, RULES, known_errors
from .ranking.choice import Choice, Ranking, rankings
from .ranking.estimates import Estimate
from .ranking.health import flags
from .ranking.standing import Rank, Standing
from .store.board import Board
from .tables.entries import entry_columns
from .tables.standings import answer, standing_columns
from .tables.table import MEASURE, Column, Row, numbers, table
from .text import unmarked

TEMPLATES = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


CONTENT = "board.json"  # by which a folder is known to be an export
PARTS = ("figures", "pictures", "tables")
STATED = (  # of a standing, in board.json
    "config",
    "config_id",
    "defense",
    "options",
    "contender",
    "rank",
    "provisional",
    "utility",
    "loss",
    "leakage",
    "attacks",
    "faced",
    "known",
    "since",
    "chosen_on",
    "seeds",
    "anchors",
    "flags",
    "unranked",
)


@dataclass(frozen=True)
class Table:
    """A table as a page shows it: label and help of its columns, cells, the file of its numbers."""

    heads: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[object]]
    file: str


@dataclass(frozen=True)
class Section:
    """One ranking of a page."""

    title: str
    facts: str
    answer: str
    ranking: Table
    entries: Table
    figure: str | None
    alt: str


def export_site(board: Board, folder: Path) -> Path:
    """Write the board as static pages into `folder`; returns its first page.

    Pages that an earlier export wrote there are replaced, all at once. Raises `OutputExists` where
    anything else lies there, `MissingData` for a board without entries.
    """
    strange = _strange(folder)
    if strange is not None:
        raise OutputExists(
            f"{folder}: expected a new folder, or one that `leakboard export-site` wrote, but "
            f"{strange} is none of its files; remove it, or choose another folder"
        )
    rows = board.rows()
    if not rows:
        raise MissingData(f"{board.folder} has no entries: score an attack with `--board` first")
    target = folder.resolve()  # a link stays, and what it leads to is replaced
    unfinished, earlier = (target.with_name(f".{target.name}.{end}") for end in ("partial", "old"))
    for left in (unfinished, earlier):
        shutil.rmtree(left, ignore_errors=True)
    found = {choice: rankings(rows, choice, board.values) for choice in choices(rows)}
    _Site(board, rows, found, unfinished).write()
    if target.exists():
        target.replace(earlier)
    unfinished.replace(target)
    shutil.rmtree(earlier, ignore_errors=True)
    return folder / "index.html"


def _strange(folder: Path) -> str | None:
    """A file or folder in `folder` that is none of an export's, if there is one."""
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    pages = _pages(folder / CONTENT)
    own = {CONTENT, *PARTS, *pages} if pages else set()
    return next((name for name in names if name not in own), None)


def _pages(content: Path) -> list[str]:
    """The pages that an export's board.json names; none where it is no export's."""
    try:
        return list(json.loads(content.read_bytes())["pages"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return []


@dataclass(frozen=True)
class _Site:
    """What the pages are made of, and the folder that they are written into."""

    board: Board
    rows: Sequence[LeaderboardRow]
    rankings: Mapping[Choice, Sequence[Ranking]]
    folder: Path

    def write(self) -> None:
        pages = [self._page(choice, found) for choice, found in self.rankings.items()]
        self._render("index.html", "index", pages=pages, pictures=self._gallery())
        metrics = self._table("metrics", METRIC_COLUMNS, METRICS)
        known = known_errors()
        errors = {title: unmarked(text) for title, text in known.errors.items()}
        about = unmarked(known.about)
        self._render(
            "method.html", "method", rules=RULES, metrics=metrics, about=about, errors=errors
        )
        write_text(self.folder / CONTENT, json.dumps(self._content(), ensure_ascii=False))

    def _content(self) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "pages": sorted(path.name for path in self.folder.glob("*.html")),
            "entries": [row.model_dump(mode="json") for row in self.rows],
            "rankings": [
                _described(choice, ranking)
                for choice, found in self.rankings.items()
                for ranking in found
            ],
        }

    def _page(self, choice: Choice, found: Sequence[Ranking]) -> dict[str, Any]:
        name = slug(choice.dataset, choice.track, choice.split)
        sections = [
            self._section(f"{name}-{place}", choice.track, ranking)
            for place, ranking in enumerate(found, start=1)
        ]
        title = f"{choice.dataset}, {choice.track} track, {choice.split} split"
        page = {"file": f"{name}.html", "title": title, "sections": sections}
        self._render(f"{name}.html", "ranking", **page)
        return page

    def _section(self, name: str, track: Track, ranking: Ranking) -> Section:
        group, standings = ranking.group, ranking.standings
        contenders = ranking.contenders
        entries = [row for row in ranking.rows if row.report.track is track]
        validation = [row for row in self.rows if row.report.split == "validation"]
        described = entry_columns(entries, flags(ranking.rows, validation))
        return Section(
            title=f"Task {group.task}, sensitive {group.sensitive}",
            facts=group.facts,
            answer=answer(contenders),
            ranking=self._table(
                f"{name}-ranking", standing_columns(group, track, standings), standings
            ),
            entries=self._table(f"{name}-entries", described, entries),
            figure=self._figure(name, contenders, track),
            alt=f"Utility against worst-case leakage ({MEASURE[track]}); the table has its numbers",
        )

    def _table(self, name: str, columns: Sequence[Column[Row]], rows: Sequence[Row]) -> Table:
        file = f"tables/{name}.csv"
        write_bytes(self.folder / file, to_csv(numbers(columns, rows)))
        cells = [list(row.values()) for row in table(columns, rows).to_pylist()]
        return Table([(column.label, column.help) for column in columns], cells, file)

    def _figure(self, name: str, contenders: Sequence[Standing], track: Track) -> str | None:
        if not any(standing.leakage for standing in contenders):
            return None
        file = f"figures/{name}.svg"
        write_bytes(self.folder / file, to_svg(trade_off(contenders, track)))
        return file

    def _gallery(self) -> bool:
        """Write the page of pictures, and say whether there are any."""
        lined_up = views(self.board.folder, {row.report.fingerprint for row in self.rows})
        images = [
            [(view.gallery, self._pictures(place, view)) for view in image]
            for place, image in enumerate(lined_up, start=1)
        ]
        if images:
            self._render("gallery.html", "gallery", images=images)
        return bool(images)

    def _pictures(self, place: int, view: View) -> dict[str, str]:
        """Write the pictures of one view: caption and file."""
        folder, files = self.folder / "pictures", {}
        folder.mkdir(parents=True, exist_ok=True)
        known = scores(view, self.rows, self.board.values)
        for number, (caption, path) in enumerate(view.pictures(known).items(), start=1):
            name = f"{place}-{slug(view.gallery.release)}-{number}.png"
            magnified(path).save(folder / name, "PNG")
            files[caption] = f"pictures/{name}"
        return files

    def _render(self, file: str, template: str, /, **content: Any) -> None:
        text = TEMPLATES.get_template(f"{template}.html.j2").render(content)
        write_text(self.folder / file, text)


def choices(rows: Sequence[LeaderboardRow]) -> list[Choice]:
    """What there is to choose: each dataset, track and split in which something was scored."""
    found = {(row.dataset, row.report.track, row.report.split) for row in rows}
    return [
        Choice(track, dataset, split)
        for dataset in sorted({row.dataset for row in rows})
        for track in Track
        for split in reversed(PUBLIC_SPLITS)
        if (dataset, track, split) in found
    ]


def slug(*parts: str) -> str:
    """A name for files: letters, digits and dashes, and what tells alike names apart.

    >>> slug("synthetic", "attribute", "test")
    'synthetic-attribute-test'
    >>> slug("../a b") == slug("../a?b")
    False
    """
    text = "-".join(parts)
    plain = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _described(choice: Choice, ranking: Ranking) -> dict[str, Any]:
    """A ranking as plain data, under the names that the code has for them."""
    return {
        "track": choice.track,
        "allowed_loss": choice.allowed_loss,
        "group": asdict(ranking.group),
        "standings": [
            {name: _plain(getattr(s, name)) for name in STATED} for s in ranking.standings
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate | Rank):
        return asdict(value)
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value
