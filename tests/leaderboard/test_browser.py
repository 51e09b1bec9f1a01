"""The pages in headless Chromium: they draw everything, and nothing leaves this machine."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from leakboard.leaderboard import Board, command
from leakboard.schemas import Gallery, LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]
MakeGallery = Callable[..., Gallery]
Scheme = Literal["light", "dark"]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
HOSTILE = (
    "<img src=http://evil.example/a onerror=alert(1)> [l](http://evil.example) **b** $x$ :star:"
)
WAIT = 20_000  # ms

pytestmark = pytest.mark.slow


@dataclass
class Visit:
    """An open page, with what it complained of and whom it called."""

    page: Page
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.page.on("request", lambda request: self.hosts.add(host_of(request.url)))

    def _hear(self, said: ConsoleMessage) -> None:
        # Opened below the root, Streamlit looks for its server under the page's address first.
        if said.type == "error" and "/_stcore/" not in said.location["url"]:
            self.errors.append(f"{said.text} {said.location['url']}")

    def assert_quiet(self) -> None:
        """Nothing went wrong, and only this machine was called."""
        assert self.errors == []
        assert self.hosts == {"127.0.0.1"}


def host_of(url: str) -> str:
    parts = urlsplit(url)
    return "127.0.0.1" if parts.scheme in ("data", "blob") else str(parts.hostname)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        missing = "there is no Chromium: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@contextmanager
def served(board: Path) -> Iterator[str]:
    """Serve a board on a free port until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        command(board, port, headless=True), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/_stcore/health")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer within 30 s")


@pytest.fixture
def board(tmp_path: Path, make_row: MakeRow, make_gallery: MakeGallery) -> Path:
    """Two defenses attacked on both tracks, with pictures."""
    opened = Board.open(tmp_path / "board")
    for defense, leakage, utility in (
        ("none", (0.8, 0.78, 0.82), (0.90, 0.88, 0.92)),
        ("disco", (0.5, 0.48, 0.52), (0.88, 0.86, 0.90)),
    ):
        for track in Track:
            row = make_row(
                defense,
                leakage,
                utility,
                track=track,
                anchors={"task_output": (0.3, 0.29, 0.31)},
            )
            opened.add(row)
        make_gallery(opened.folder, f"synthetic-{defense}-s0", [1, 2], row.report.fingerprint)
    return opened.folder


def visit(browser: Browser, url: str, width: int = 1280, scheme: Scheme = "light") -> Visit:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = Visit(page)
    page.goto(url)
    return opened


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (390, "dark")], ids=["desktop", "phone"]
)
def test_the_overview_draws_table_and_chart(
    browser: Browser, board: Path, width: int, scheme: Scheme
) -> None:
    with served(board) as url:
        seen = visit(browser, url, width, scheme)
        page = seen.page
        expect(page.get_by_role("heading", name="Task smiling, sensitive gender")).to_be_visible(
            timeout=WAIT
        )
        ranking = page.get_by_role("region", name="Ranking").locator("table")
        expect(ranking).to_contain_text("disco", timeout=WAIT)  # only columns in view are there
        chart = page.get_by_test_id("stVegaLiteChart")
        expect(chart.locator("canvas, svg").first).to_be_visible(timeout=WAIT)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        seen.assert_quiet()
        page.close()


def test_the_gallery_draws_every_picture(browser: Browser, board: Path) -> None:
    with served(board) as url:
        seen = visit(browser, f"{url}/gallery")
        pictures = seen.page.get_by_test_id("stImage").locator("img")
        expect(pictures).to_have_count(2 * 3, timeout=WAIT)
        for picture in pictures.all():
            assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        seen.assert_quiet()
        seen.page.close()


def test_the_address_brings_the_choices_back(browser: Browser, board: Path) -> None:
    with served(board) as url:
        seen = visit(browser, url)
        page = seen.page
        page.get_by_role("radio", name="reconstruction").click(timeout=WAIT)
        page.get_by_role("radio", name="1", exact=True).first.click(timeout=WAIT)
        page.wait_for_url("**loss=1**", timeout=WAIT)
        assert "track=reconstruction" in page.url
        again = visit(browser, page.url)
        told = again.page.get_by_text("No defense").or_(again.page.get_by_text("Least worst-case"))
        expect(told).to_contain_text("none (0.800", timeout=WAIT)
        expect(again.page.get_by_role("radio", name="reconstruction")).to_be_checked()
        for opened in (seen, again):
            opened.assert_quiet()
            opened.page.close()


def test_text_that_others_wrote_is_only_text(
    browser: Browser, tmp_path: Path, make_row: MakeRow
) -> None:
    hostile = dict.fromkeys(["dataset", "task", "sensitive", "network"], HOSTILE)
    opened = Board.open(tmp_path)
    opened.add(make_row("none", (0.8, 0.7, 0.9), options={"note": HOSTILE}, **hostile))
    opened.add(make_row(HOSTILE, (0.5, 0.4, 0.6), attack=HOSTILE, flags=[HOSTILE], **hostile))
    with served(tmp_path) as url:
        seen = visit(browser, url)
        page = seen.page
        heading = page.get_by_role("heading", name="Task ")
        expect(heading).to_contain_text("onerror=alert(1)> [l](http", timeout=WAIT)
        expect(heading).to_contain_text("**b** $x$ :star:")
        chart = page.get_by_test_id("stVegaLiteChart")
        expect(chart.locator("canvas, svg").first).to_be_visible(timeout=WAIT)
        assert page.locator("a[href*=evil], img[src*=evil]").count() == 0
        seen.assert_quiet()
        page.close()
