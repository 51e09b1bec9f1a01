"""The board in a browser: 2,000 entries over 40 defenses, beside a bare table of the same rows.

Both are served by Streamlit in a process of their own, opened and used in headless Chromium. First
paint is from the opening of the address to the table, on a server that has just started and has
served nobody; a change is from a click on an option, of every filter in turn, until the server has
drawn the page. Then 20 readers without browsers use the same server at once.
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..leaderboard import Board, command
from ..leaderboard.tables.entries import entry_columns
from ..leaderboard.tables.table import table
from ..schemas import LeaderboardRow, MissingData
from . import Case
from ._board import entries
from ._readers import busy_change

if TYPE_CHECKING:
    from playwright.sync_api import Page

Click = tuple[str, str]  # a filter, and the option that is chosen on it

CHANGES: tuple[Click, ...] = (
    ("Track", "reconstruction"),
    ("Track", "attribute"),
    ("Dataset", "toys"),
    ("Dataset", "drawn"),
    ("Split", "validation"),
    ("Split", "test"),
    ("Split layer", "layer2"),
    ("Split layer", "any"),
    ("Images", "sealed"),
    ("Images", "any"),
    ("Utility loss of at most … points", "1"),
    ("Utility loss of at most … points", "3"),
    ("Utility loss of at most … points", "5"),
    ("The attacker knows", "auxiliary"),
    ("The attacker knows", "any"),
    ("Checked by the organiser", "verified"),
    ("Checked by the organiser", "any"),
    ("Auxiliary records of at most", "1000"),
    ("Auxiliary records of at most", "any"),
)
BARE_CHANGES: tuple[Click, ...] = 3 * (("Seeds", "1"), ("Seeds", "3"), ("Seeds", "5"))
WHAT = {
    "bare-table": "a change of the filter",
    "bare-table-first-paint": "the first paint",
    "bare-table-20-readers": "a change while 20 readers think 5 s between two, the median,",
}
WAIT = 60_000  # ms
WATCH = """() => {
    const app = document.querySelector("[data-test-script-state]");
    let ran = false;
    window.drawn = new Promise((resolve) => new MutationObserver(() => {
        const resting = app.dataset.testScriptState === "notRunning";
        if (resting && ran) requestAnimationFrame(resolve);
        ran = ran || !resting;
    }).observe(app, {attributes: true}));
}"""
BARE = """
import sys
import pyarrow.compute as pc
import pyarrow.parquet as pq
import streamlit as st
st.set_page_config(layout="wide")
seeds = st.segmented_control("Seeds", ["1", "3", "5"], default="5", required=True)
st.markdown(f"seeds below {seeds}")
rows = pq.read_table(sys.argv[1])
st.dataframe(rows.filter(pc.less(rows["Seed"], int(seeds))), hide_index=True)
"""


def run() -> dict[str, Case]:
    """Open and use the board, then a page that holds nothing but the table of its entries."""
    with TemporaryDirectory() as folder:
        board, script, rows = Path(folder) / "board", Path(folder) / "bare.py", entries()
        opened = Board.open(board)
        for row in rows:
            opened.add(row)
        _write_bare(script, rows)
        ours = _measure(lambda port: command(board, port, headless=True), CHANGES)
        bare = _measure(lambda port: _bare_command(script, port), BARE_CHANGES)
    about = f"a Streamlit page with the {len(rows):,} rows as one table, and a filter of them"
    return {
        name: Case.of(ours[name], bare[name], "s", f"{what} of {about}", less_is_better=True)
        for name, what in WHAT.items()
    }


def _write_bare(script: Path, rows: Sequence[LeaderboardRow]) -> None:
    import pyarrow.parquet as pq

    flags = {row.entry_id: row.report.flags for row in rows}
    pq.write_table(table(entry_columns(rows, flags), rows), script.with_suffix(".parquet"))
    script.write_text(BARE)


def _bare_command(script: Path, port: int) -> list[str]:
    ours = command(script.with_suffix(".parquet"), port, headless=True)
    return [sys.executable, "-m", "streamlit", "run", str(script), *ours[5:]]


def _measure(server: Callable[[int], list[str]], changes: Sequence[Click]) -> dict[str, float]:
    """Seconds to the first paint and of a change, alone and among readers, on a server."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise MissingData("this benchmark opens a browser: apt-get install chromium")
    with _served(server) as url:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            browser.new_page().goto("about:blank")  # the browser's own start is nobody's paint
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            painted = _first_paint(page, url)
            taken = [_change(page, *change) for change in changes]
            browser.close()
        busy = busy_change(url)
    return {
        "bare-table": median(taken),
        "bare-table-first-paint": painted,
        "bare-table-20-readers": busy,
    }


def _first_paint(page: "Page", url: str) -> float:
    """How long it takes until a table is drawn, and the server is done."""
    started = time.perf_counter()
    page.goto(url)
    page.get_by_test_id("stDataFrame").first.locator("canvas").first.wait_for(timeout=WAIT)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=WAIT)
    return time.perf_counter() - started


def _change(page: "Page", label: str, option: str) -> float:
    """How long it takes from the click on an option until the server has drawn the page."""
    listed = page.get_by_role("combobox", name=label, exact=True)
    if listed.count():
        listed.click()
        found = page.get_by_role("option", name=option, exact=True)
    else:
        found = page.get_by_role("radiogroup", name=label).get_by_role(
            "radio", name=option, exact=True
        )
    found.wait_for(timeout=WAIT)
    page.evaluate(WATCH)
    started = time.perf_counter()
    found.click()
    page.evaluate("window.drawn")
    return time.perf_counter() - started


@contextmanager
def _served(server: Callable[[int], list[str]]) -> Iterator[str]:
    """Serve on a free port until the block ends; no page has been asked for yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    running = subprocess.Popen(server(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(WAIT // 100):
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        running.terminate()
        running.wait(timeout=30)
