"""The board in a browser: 2,000 entries over 40 defenses, beside a bare table of the same rows.

Both are served by Streamlit in a process of their own, opened and used in headless Chromium. First
paint is from the opening of the address to the table's text, on a server that has just started and
has served nobody; a change is from a click on a choice to the text it changes.
"""

import hashlib
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ..leaderboard import Board, command
from ..leaderboard.choice import Choice, rankings
from ..leaderboard.entry_table import entry_columns
from ..leaderboard.standing_table import answer
from ..leaderboard.table import table
from ..schemas import (
    HEADLINE,
    ClientCost,
    Direction,
    LeaderboardRow,
    MissingData,
    Score,
    ScoreReport,
    Setting,
    Track,
    Utility,
)
from . import Case

if TYPE_CHECKING:
    from playwright.sync_api import Page

DEFENSES, SEEDS, ATTACKS = 40, 5, 10  # 2,000 entries
LOSSES = ("1", "3", "5")  # the choices that are clicked on, so many times in turn
ROUNDS = 3
WHAT = {"bare-table": "a change of the filter", "bare-table-first-paint": "the first paint"}
WAIT = 60_000  # ms
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
        answers = {loss: _answer(rows, loss) for loss in LOSSES}
        ours = _measure(lambda port: command(board, port, headless=True), answers)
        counts = {seeds: f"seeds below {seeds}" for seeds in LOSSES}
        bare = _measure(lambda port: _bare_command(script, port), counts)
    about = f"a Streamlit page with the {len(rows):,} rows as one table, and a filter of them"
    return {
        name: Case.of(ours[name], bare[name], "s", f"{what} of {about}", less_is_better=True)
        for name, what in WHAT.items()
    }


def _answer(rows: Sequence[LeaderboardRow], loss: str) -> str:
    """The sentence of the overview when defenses may lose so many points."""
    (ranking,) = rankings(rows, Choice(Track.ATTRIBUTE, "drawn", "test", float(loss) / 100))
    return answer(ranking.standings)


def entries() -> list[LeaderboardRow]:
    """Draw the entries of 40 defenses, each with 5 training seeds and 10 attacks."""
    random = np.random.default_rng(0)
    return [
        _entry(defense, seed, attack, float(random.uniform(0.3, 0.9)))
        for defense in range(DEFENSES)
        for seed in range(SEEDS)
        for attack in range(ATTACKS)
    ]


def _entry(defense: int, seed: int, attack: int, leakage: float) -> LeaderboardRow:
    utility = 0.9 - 0.002 * defense
    metric = HEADLINE[Track.ATTRIBUTE]
    others = {name: _score(name, leakage) for name in ("auc", "balanced_accuracy", "worst_group")}
    name = "none" if defense == 0 else f"defense{defense:02d}"
    return LeaderboardRow(
        submitted=f"2026-11-{1 + attack:02d}T00:00:00Z",
        verified=attack % 2 == 0,
        dataset="drawn",
        dataset_options={},
        task="smiling",
        sensitive="race",
        image_size=32,
        network="resnet18",
        split_layer="layer1",
        split_index=4,
        defense=name,
        defense_options={},
        config=f"drawn-{name}",
        config_id=hashlib.sha256(name.encode()).hexdigest()[:16],
        seed=seed,
        scale="reduced",
        ranked=True,
        utility=Utility(value=utility, low=utility - 0.02, high=utility + 0.02, n=900),
        cost=ClientCost(
            client_macs=12738560,
            client_parameters=276736,
            task_network_macs=25166848,
            bytes_sent=8192,
        ),
        report=ScoreReport(
            release=f"drawn-{name}-s{seed}",
            fingerprint=hashlib.sha256(f"{name} {seed}".encode()).hexdigest(),
            attack=f"attack{attack}",
            options={},
            ceiling=False,
            auxiliary_records=1000,
            track=Track.ATTRIBUTE,
            setting=Setting.AUXILIARY,
            split="test",
            scores={metric: _score(metric, leakage), **others},
            anchors={"majority": {metric: _score(metric, 0.3)}},
            flags=(),
            leakboard_version="0.1.0",
        ),
    )


def _score(metric: str, value: float) -> Score:
    return Score(
        metric=metric,
        value=value,
        low=value - 0.02,
        high=value + 0.02,
        n=900,
        direction=Direction.HIGHER_LEAKS_MORE,
        metric_version=1,
    )


def _write_bare(script: Path, rows: Sequence[LeaderboardRow]) -> None:
    import pyarrow.parquet as pq

    flags = {row.entry_id: row.report.flags for row in rows}
    pq.write_table(table(entry_columns(rows, flags), rows), script.with_suffix(".parquet"))
    script.write_text(BARE)


def _bare_command(script: Path, port: int) -> list[str]:
    ours = command(script.with_suffix(".parquet"), port, headless=True)
    return [*ours[:4], str(script), *ours[5:]]


def _measure(server: Callable[[int], list[str]], said: Mapping[str, str]) -> dict[str, float]:
    """Seconds to the first paint and of a change, in a browser and on a server of their own."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise MissingData("this benchmark opens a browser: apt-get install chromium")
    with sync_playwright() as playwright, _served(server) as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        browser.new_page().goto("about:blank")  # the browser's own start is nobody's paint
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        painted = _seconds_until(page, said[LOSSES[-1]], lambda: page.goto(url))
        changes = [
            _seconds_until(page, said[loss], page.get_by_role("radio", name=loss, exact=True).click)
            for loss in LOSSES * ROUNDS
        ]
        browser.close()
    return {"bare-table": median(changes), "bare-table-first-paint": painted}


def _seconds_until(page: "Page", text: str, act: Callable[[], object]) -> float:
    """How long after an act the text stands there, a table is drawn, and the server is done."""
    started = time.perf_counter()
    act()
    page.get_by_text(text).first.wait_for(timeout=WAIT)
    page.get_by_test_id("stDataFrame").first.locator("canvas").first.wait_for(timeout=WAIT)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=WAIT)
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
