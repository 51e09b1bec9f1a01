"""The pages: `streamlit run app.py -- BOARD`, or the board's folder in LEAKBOARD_BOARD."""

import os
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import streamlit as st

from leakboard.leaderboard.choosing import choose
from leakboard.leaderboard.desk import desk_folder
from leakboard.leaderboard.screens import (
    attack,
    compare,
    data,
    defense,
    gallery,
    method,
    overview,
    submit,
)
from leakboard.leaderboard.serve import STORE
from leakboard.leaderboard.shown import Shown, entries
from leakboard.leaderboard.store import Board
from leakboard.leaderboard.text import plain
from leakboard.schemas import LeakboardError

PAGES = (overview, defense, attack, compare, gallery, data, method)  # in the order of the menu
NO_RESULTS = "No results yet: run `leakboard demo`, then `leakboard serve --board demo-out/board`."
NO_BOARD = "No board was named: start with `leakboard serve --board DIR`."


def main() -> None:
    """Draw the chosen page for the board that was named."""
    st.set_page_config(page_title="Leakboard", layout="wide")
    board = board_folder()
    if board is None:
        st.info(NO_BOARD)
        return
    try:
        draw(board)
    except LeakboardError as problem:
        st.error(plain(str(problem)))


def board_folder() -> Path | None:
    """The folder named on the command line, or else in the environment."""
    named = [*sys.argv[1:2], os.environ.get("LEAKBOARD_BOARD", "")]
    return next((Path(name) for name in named if name), None)


def draw(folder: Path) -> None:
    """Draw menu, choices and page, or say how to get results."""
    store = os.environ.get(STORE) or None
    board = Board.open(folder, store) if (folder / "results").is_dir() else None
    version = board.version if board else ""
    rows = entries(board, version) if board else []
    if board is None or not rows:
        st.info(NO_RESULTS)
        if desk_folder(folder).is_dir():
            st.navigation([page(submit, folder)], position="top").run()
        return
    with st.sidebar:
        choice = choose(rows)
    shown = Shown(board, version, choice)
    pages = [*(page(module, shown) for module in PAGES), page(submit, folder)]
    st.navigation(pages, position="top").run()


def page(module: ModuleType, about: Shown | Path) -> st.Page:
    """A page is a module: its name is title and address, its docstring the summary in the menu.

    It draws what a reader chose of the board, or, to submit to it, the board's folder.
    """
    name = module.__name__.rpartition(".")[2]
    return st.Page(
        partial(module.draw, about), title=name.capitalize(), url_path=name, help=module.__doc__
    )


if __name__ == "__main__":
    main()
