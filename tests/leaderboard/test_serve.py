import sys
from pathlib import Path

from leakboard.leaderboard import command
from leakboard.leaderboard.text import plain


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


def test_markdown_is_escaped_and_addresses_are_no_links() -> None:
    assert plain("a_b*c*") == r"a\_b\*c\*"
    assert "http:" not in plain("http://somewhere.example").replace("\\", "")
    assert "www." not in plain("WWW.somewhere.example").replace("\\", "").lower()
