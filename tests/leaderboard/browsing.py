"""A board, served and opened in headless Chromium."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from leakboard.leaderboard import command

Scheme = Literal["light", "dark"]

WAIT = 20_000  # ms
FADED_IN = """() => Promise.allSettled(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().iterations !== Infinity)
    .map(one => one.finished))"""


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

    def settle(self) -> None:
        """Wait until the server has nothing more to say, and what it said is drawn."""
        expect(self.page.get_by_role("heading", level=1)).to_be_visible(timeout=WAIT)
        self.page.locator("[data-test-script-state=notRunning]").wait_for(timeout=WAIT)
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate(FADED_IN)

    def text(self) -> str:
        """What the page says, without the controls in the sidebar."""
        return self.page.get_by_test_id("stMain").inner_text()

    def assert_quiet(self) -> None:
        """Nothing went wrong, and only this machine was called."""
        assert self.errors == []
        assert self.hosts == {"127.0.0.1"}


def host_of(url: str) -> str:
    parts = urlsplit(url)
    return "127.0.0.1" if parts.scheme in ("data", "blob") else str(parts.hostname)


@contextmanager
def served(
    board: Path, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve a board on a free port until the block ends; `folder` holds Streamlit's secrets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        command(board, port, headless=True),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | dict(environment or {}),
        cwd=folder,
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


def visit(browser: Browser, url: str, width: int = 1280, scheme: Scheme = "light") -> Visit:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = Visit(page)
    page.goto(url)
    return opened


def opened(browser: Browser, site: str, page: str = "", **changes: Any) -> Visit:
    """Open a page and wait until it is drawn."""
    seen = visit(browser, f"{site}/{page}", **changes)
    seen.settle()
    return seen


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What axe-core finds serious on a page, each with the elements at fault."""
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]
