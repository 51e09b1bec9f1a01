"""Configurations by name, the recipes of configs/ changed as `--set` would, and their releases."""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from ..generate import generate
from ..schemas import Config, Release

CONFIGS = f"{__package__.rpartition('.')[0]}.configs"


def released_config(name: str, changes: Sequence[str] = ()) -> Config:
    """Read `configs/<name>.toml`; `BadConfig` or `MissingData` where that does not work."""
    with as_file(files(CONFIGS)) as folder:
        return Config.read(folder / f"{name}.toml", tuple(changes))


def release_of(name: str, source: str, folder: Path, limit: int | None) -> Release:
    """The release of a configuration in `folder`, generated where it is missing."""
    if not folder.exists():
        generate(released_config(name), folder, source=source, limit=limit)
    return Release.open(folder)
