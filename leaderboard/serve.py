"""Serve the board: Streamlit on this machine only, without telemetry."""

import os
import subprocess
import sys
from pathlib import Path

from ..schemas import MissingData
from .desk.desk import desk_folder

APP = Path(__file__).with_name("app.py")
ADDRESS = "127.0.0.1"
BOARD = "LEAKBOARD_BOARD"  # names the folder of the board in the environment
STORE = "LEAKBOARD_STORE"  # names the URL of its index there
DATABASE = "LEAKBOARD_DATABASE"  # names the URL of the desk's tables there
RELEASES = "LEAKBOARD_RELEASES"  # names the folder of the releases that submissions are about

# Streamlit's own colours are too pale: text on or beside them has to be told from the ground by 4.5
# to 1 (WCAG AA).
THEME = {
    "theme.paddingTop": "1.5rem",  # just below the menu
    "theme.light.primaryColor": "#0b57a4",
    "theme.light.textColor": "#111111",
    "theme.dark.primaryColor": "#9cc4f5",
}


def command(board: Path | None, port: int, headless: bool = False) -> list[str]:
    """The command that serves the board, or else the reference results.

    `headless` opens no browser, even where there is one.
    """
    settings = {
        "server.address": ADDRESS,
        "server.port": str(port),
        "server.showEmailPrompt": "false",
        "server.fileWatcherType": "none",
        "runner.postScriptGC": "false",  # a walk over all entries after every run, by default
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.toolbarMode": "viewer",
    } | THEME
    if headless:
        settings["server.headless"] = "true"
    options = [f"--{name}={value}" for name, value in settings.items()]
    named = ["--"] if board is None else ["--", str(board)]
    server = [sys.executable, "-m", f"{__package__}.server", "run", str(APP)]
    return [*server, *options, *named]


def has_board(folder: Path) -> bool:
    """Whether there is something to serve: results, or a desk that takes submissions."""
    return (folder / "results").is_dir() or desk_folder(folder).is_dir()


def serve(
    board: Path | None,
    port: int,
    headless: bool = False,
    store: str | None = None,
    *,
    releases: Path | None = None,
    database: str | None = None,
) -> int:
    """Serve the board, None for the reference results, until stopped; returns the exit code.

    `store` is the URL of the index, `database` that of the desk's tables. They may hold a password,
    so they are no arguments of the server, which every user of the machine could read. With
    `releases`, a release or a folder of them, the page takes submissions to these. `MissingData`
    where there is no board, neither with results nor with a desk.
    """
    if board is not None and not has_board(board):
        raise MissingData(
            f"{board}: expected a board, a folder with results/; make one with "
            "`leakboard score … --board DIR` or `leakboard demo`"
        )
    named = {STORE: store, DATABASE: database, RELEASES: releases and str(releases)}
    if board is None:
        named[BOARD] = ""  # whatever this shell names
    environment = os.environ | {name: value for name, value in named.items() if value is not None}
    return subprocess.run(command(board, port, headless), check=False, env=environment).returncode
