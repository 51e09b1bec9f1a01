"""The pages: `streamlit run app.py -- BOARD`, or the board's folder in LEAKBOARD_BOARD.

Where neither names a board, they show the reference results.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType

import streamlit as st

from leakboard.leaderboard.controls.choosing import choose
from leakboard.leaderboard.controls.shown import Shown, board_of, entries, offered, version_at
from leakboard.leaderboard.desk.desk import desk_folder
from leakboard.leaderboard.ranking.choice import first
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
from leakboard.leaderboard.serve import BOARD, STORE
from leakboard.leaderboard.store.board import Board
from leakboard.leaderboard.store.reference import FOLDER, described, reference
from leakboard.leaderboard.text import plain
from leakboard.schemas import LeakboardError

PAGES = (overview, defense, attack, compare, gallery, data, method)  # in the order of the menu
NO_RESULTS = "No results yet: run `leakboard demo`, then `leakboard serve --board demo-out/board`."


def main() -> None:
    """Draw the chosen page for the board that was named, or for the reference results."""
    st.set_page_config(page_title="Leakboard", layout="wide")
    try:
        draw(board_folder(sys.argv[1:]))
    except LeakboardError as problem:
        st.error(plain(str(problem)))


def prepare(arguments: Sequence[str]) -> None:
    """Make and keep what the first reader would wait for: the entries, the first page's ranking."""
    with suppress(LeakboardError):  # which the page will say
        if found := opened(board_folder(arguments)):
            for ranking in Shown(*found, first(offered(*found))).rankings:
                _ = ranking.trade_off


def board_folder(arguments: Sequence[str]) -> Path | None:
    """The folder named on the command line, or else in the environment."""
    named = [*arguments[:1], os.environ.get(BOARD, "")]
    return next((Path(name) for name in named if name), None)


def opened(folder: Path | None) -> tuple[Board, str] | None:
    """The board in a folder, or else the reference results, and its version; None where empty."""
    version = version_at(folder or FOLDER)
    if version is None:
        return None
    if folder is None:
        return reference(), version
    return board_of(folder, os.environ.get(STORE) or None, version), version


def draw(folder: Path | None) -> None:
    """Draw menu, choices and page, or say how to get results."""
    found = opened(folder)
    if found is None:
        st.info(NO_RESULTS)
        if folder is not None and desk_folder(folder).is_dir():
            st.navigation([page(submit, folder)], position="top").run()
        return
    board, version = found
    if folder is None:
        st.info(described(entries(board, version)))
    with st.sidebar:
        choice = choose(offered(board, version))
    shown = Shown(board, version, choice)
    pages = [*(page(module, shown) for module in PAGES), page(submit, folder)]
    st.navigation(pages, position="top").run()


def page(module: ModuleType, about: Shown | Path | None) -> st.Page:
    """A page is a module: its name is title and address, its docstring the summary in the menu.

    It draws what a reader chose of the board, or, to submit to it, its folder if there is one.
    """
    name = module.__name__.rpartition(".")[2]
    return st.Page(
        partial(module.draw, about), title=name.capitalize(), url_path=name, help=module.__doc__
    )


if __name__ == "__main__":
    main()
