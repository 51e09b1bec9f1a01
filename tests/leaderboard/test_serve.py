import sys
from pathlib import Path

import pytest

from leakboard.leaderboard import command, serve
from leakboard.leaderboard.text import plain
from leakboard.schemas import MissingData


def test_the_board_is_served_on_this_machine_only_and_reports_to_nobody() -> None:
    parts = command(Path("a board"), 8600, headless=True)
    assert parts[:4] == [sys.executable, "-m", "streamlit", "run"]
    assert Path(parts[4]).is_file()
    assert {
        "--server.address=127.0.0.1",
        "--server.port=8600",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
    } <= set(parts)
    assert parts[-2:] == ["--", "a board"]


def test_a_browser_may_open_unless_headless() -> None:
    assert "--server.headless=true" not in command(Path("board"), 8600)


def test_a_board_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="bord: expected a board"):
        serve(tmp_path / "bord", 8600)


def test_markdown_is_escaped_and_addresses_are_no_links() -> None:
    assert plain("a_b*c*") == r"a\_b\*c\*"
    assert "http:" not in plain("http://somewhere.example").replace("\\", "")
    assert "www." not in plain("WWW.somewhere.example").replace("\\", "").lower()
