"""The result store: one JSON file per entry is the truth, a database its index.

`<board>/results/<entry_id>.json` can be committed, copied and merged like any file; the index
answers filters and takes up the files that do not match it. What each image contributed to
a score tells the answers of `test`: the organiser keeps it beside the board, in
`<board>-withheld/<entry_id>.parquet`, and publishes the board alone.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypedDict, Unpack

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.schema import CreateTable

from ...schemas import (
    CorruptData,
    ImageValues,
    LeaderboardRow,
    MissingData,
    SchemaMismatch,
    Track,
)
from ...schemas.files import write_text
from .database import connect

WRITERS = 0x1EA6B0A2D  # the lock of those who write a board in PostgreSQL

ENTRIES = Table(
    "entries",
    MetaData(),
    Column("entry_id", String(16), primary_key=True),
    Column("modified", BigInteger, nullable=False),  # of the JSON file, in ns
    Column("submitted", String(20), nullable=False),
    Column("track", String, nullable=False, index=True),
    Column("dataset", String, nullable=False),
    Column("defense", String, nullable=False),
    Column("config_id", String, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("attack", String, nullable=False),
    Column("split", String, nullable=False),
    Column("content", Text, nullable=False),
)


class Filter(TypedDict, total=False):
    """What entries can be asked for; every condition given must hold."""

    track: Track
    dataset: str
    defense: str
    config_id: str
    seed: int
    attack: str
    split: str


@dataclass(frozen=True)
class Board:
    """A folder of results and its index; safe to write from several processes at once."""

    folder: Path
    engine: Engine

    @classmethod
    def open(cls, folder: Path, url: str | None = None) -> "Board":
        """Open the board in `folder`, made if it is new.

        `url` is that of a PostgreSQL or SQLite database for the index of this board alone, and
        defaults to the SQLite file `<folder>/index.sqlite`. Raises `CorruptData` where the index or
        a result cannot be read, `UsageError` for a URL that cannot be used.
        """
        (folder / "results").mkdir(parents=True, exist_ok=True)
        board = cls(folder, connect(url, folder / "index.sqlite"))
        try:
            board._create()
            with board.engine.connect() as connection:
                agrees = _indexed(connection) == _modified(folder)
            if not agrees:
                board._refresh()
        except DatabaseError as problem:
            raise CorruptData(
                f"{board.engine.url}: the index cannot be used ({_line(problem.orig)}); if it is "
                f"damaged, delete it: it is rebuilt from {folder / 'results'}"
            ) from problem
        return board

    def add(self, row: LeaderboardRow, values: ImageValues | None = None) -> None:
        """Enter a row, with what each image contributed where that is at hand.

        The same attack on the same release replaces its earlier entry.
        """
        path, withheld = self._path(row.entry_id), self._withheld(row.entry_id)
        mine = ENTRIES.c.entry_id == row.entry_id
        with self._writing() as connection:
            connection.execute(delete(ENTRIES).where(mine))
            connection.execute(insert(ENTRIES).values(_columns(row, modified=0)))
            withheld.unlink(missing_ok=True)
            if values is not None:
                values.write(withheld)
            write_text(path, row.to_json())
            modified = path.stat().st_mtime_ns
            connection.execute(update(ENTRIES).where(mine).values(modified=modified))

    def rows(self, **wanted: Unpack[Filter]) -> list[LeaderboardRow]:
        """Entries for which every given column has the given value, oldest first."""
        query = select(ENTRIES.c.content).order_by(ENTRIES.c.submitted, ENTRIES.c.entry_id)
        for name, value in wanted.items():
            query = query.where(ENTRIES.c[name] == value)
        with self.engine.connect() as connection:
            contents = connection.scalars(query).all()
        return [LeaderboardRow.parse_json(content, "the index") for content in contents]

    def values(self, row: LeaderboardRow) -> ImageValues | None:
        """What each image contributed to the headline of an entry; None where that is not kept.

        `CorruptData` for the values of another scoring.
        """
        path = self._withheld(row.entry_id)
        if not path.is_file():
            return None
        found = _values(path, path.stat().st_mtime_ns)
        headline = row.report.headline
        mean = float(found.value.mean())
        decimals = row.submission.decimals if row.submission else None
        allowed = 1e-9 + (0 if decimals is None else 0.5 * 10**-decimals)
        if len(found.value) != headline.n or abs(mean - headline.value) > allowed:
            raise CorruptData(
                f"{path}: the mean of {len(found.value)} images is {mean:.6f}, but the entry says "
                f"{headline.value:.6f} of {headline.n}; score the attack again"
            )
        return found

    def rebuild(self) -> None:
        """Make the index anew from the JSON files."""
        with self._writing() as connection:
            connection.execute(delete(ENTRIES))
            self._index(connection)

    def _refresh(self) -> None:
        """Take up the JSON files that came, changed or went."""
        with self._writing() as connection:
            self._index(connection)

    def _index(self, connection: Connection) -> None:
        """Make the index what the JSON files are; those it has as they are are not read."""
        indexed, files = _indexed(connection), _modified(self.folder)
        for entry_id, _ in sorted(indexed.items() - files.items()):
            connection.execute(delete(ENTRIES).where(ENTRIES.c.entry_id == entry_id))
        for entry_id, modified in sorted(files.items() - indexed.items()):
            row = _read(self._path(entry_id))
            connection.execute(insert(ENTRIES).values(_columns(row, modified)))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that keeps other writers off the index, and so off the files.

        Both databases have to be asked: by itself SQLite locks at the first change only, and
        PostgreSQL lets others write elsewhere in a table.
        """
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(WRITERS)))
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def _create(self) -> None:
        with self._writing() as connection:
            connection.execute(CreateTable(ENTRIES, if_not_exists=True))

    def _path(self, entry_id: str) -> Path:
        return self.folder / "results" / f"{entry_id}.json"

    def _withheld(self, entry_id: str) -> Path:
        return self._withheld_folder / f"{entry_id}.parquet"

    @cached_property
    def _withheld_folder(self) -> Path:
        folder = self.folder.resolve()
        return folder.with_name(f"{folder.name}-withheld")


def existing(folder: Path, url: str | None = None) -> Board:
    """Open a board that is there; `MissingData` where none is."""
    if not (folder / "results").is_dir():
        raise MissingData(
            f"{folder}: expected a board, a folder with results/; make one with "
            "`leakboard score … --board DIR`"
        )
    return Board.open(folder, url)


def version_of(folder: Path) -> str | None:
    """A digest of a board's name and of its results' times: it changes with every entry.

    None where there is no result.
    """
    results = _modified(folder) if (folder / "results").is_dir() else {}
    named = repr((str(folder), sorted(results.items())))
    return hashlib.sha256(named.encode()).hexdigest() if results else None


def _indexed(connection: Connection) -> dict[str, int]:
    found = connection.execute(select(ENTRIES.c.entry_id, ENTRIES.c.modified))
    return {entry.entry_id: entry.modified for entry in found}


def _modified(folder: Path) -> dict[str, int]:
    try:
        with os.scandir(folder / "results") as found:
            results = [entry for entry in found if entry.name.endswith(".json")]
        return {entry.name.removesuffix(".json"): entry.stat().st_mtime_ns for entry in results}
    except OSError as problem:
        raise CorruptData(
            f"{problem.filename}: cannot be read ({problem.strerror}); mend or remove it"
        ) from None


@cache
def _values(path: Path, modified: int) -> ImageValues:
    """Read values once for as long as their time of modification stays."""
    return ImageValues.read(path)


def _line(problem: object) -> str:
    return " ".join(str(problem).split())


def _read(path: Path) -> LeaderboardRow:
    try:
        row = LeaderboardRow.parse(json.loads(path.read_bytes()), str(path))
    except ValueError as problem:
        raise CorruptData(f"{path} is not JSON: {problem}; remove it or score again") from None
    if row.entry_id != path.stem:
        raise SchemaMismatch(
            f"{path}: expected the entry {path.stem}, but its content is {row.entry_id}; "
            "score the attack again"
        )
    return row


def _columns(row: LeaderboardRow, modified: int) -> dict[str, Any]:
    return {
        "entry_id": row.entry_id,
        "modified": modified,
        "submitted": row.submitted,
        "track": row.report.track,
        "dataset": row.dataset,
        "defense": row.defense,
        "config_id": row.config_id,
        "seed": row.seed,
        "attack": row.report.attack,
        "split": row.report.split,
        "content": row.to_json(),
    }
