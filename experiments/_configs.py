"""Configurations by name: the recipes of configs/, changed as `--set` would."""

from collections.abc import Sequence
from importlib.resources import as_file, files

from ..schemas import Config

CONFIGS = f"{__package__.rpartition('.')[0]}.configs"


def released_config(name: str, changes: Sequence[str] = ()) -> Config:
    """Read `configs/<name>.toml`; `BadConfig` or `MissingData` where that does not work."""
    with as_file(files(CONFIGS)) as folder:
        return Config.read(folder / f"{name}.toml", tuple(changes))
