"""Databases by their URLs: SQLite, where nothing else is named, or PostgreSQL."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from ...schemas import UsageError

LOCK_SECONDS = 60  # how long a writer waits for another one
WAITS: Mapping[str, dict[str, Any]] = {
    "sqlite": {"timeout": LOCK_SECONDS},
    "postgresql": {"options": f"-c lock_timeout={LOCK_SECONDS}s"},
}
PSYCOPG = "postgresql+psycopg"
URLS = "try postgresql://USER@HOST/DATABASE or sqlite:///FILE"


def connect(url: str | None, default: Path) -> Engine:
    """Connect to the database at `url`, by default the SQLite file `default`.

    Raises `UsageError` for a URL that cannot be used.
    """
    target = _parsed(url) if url else URL.create("sqlite", database=str(default))
    waits = WAITS[target.get_backend_name()]
    try:
        return create_engine(target, poolclass=NullPool, connect_args=waits)
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"{url}: the package {missing.name} is missing; pip install 'leakboard[postgresql]'"
        ) from None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(f"expected the URL of a database, but got {url!r}; {URLS}") from None
    if parsed.get_backend_name() not in WAITS:
        raise UsageError(f"a board cannot be kept in {parsed.drivername}; {URLS}")
    return parsed.set(drivername=PSYCOPG) if parsed.drivername == "postgresql" else parsed
