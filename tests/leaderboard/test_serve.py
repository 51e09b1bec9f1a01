import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from leakboard.cli import cli
from leakboard.leaderboard import command, serve
from leakboard.leaderboard.serve import BOARD, DATABASE, RELEASES
from leakboard.leaderboard.text import plain
from leakboard.schemas import MissingData

serving = import_module("leakboard.leaderboard.serve")  # the package's `serve` is the function


def test_the_board_is_served_on_this_machine_only_and_reports_to_nobody() -> None:
    parts = command(Path("a board"), 8600, headless=True)
    assert parts[:4] == [sys.executable, "-m", "leakboard.leaderboard.server", "run"]
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


def test_where_no_board_is_named_and_none_is_there_the_reference_results_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(BOARD, "another")
    found = tmp_path / "environment.json"
    tell = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
    called: list[Path | None] = []

    def told(board: Path | None, *_: object) -> list[str]:
        called.append(board)
        return [sys.executable, "-c", tell, str(found)]

    monkeypatch.setattr(serving, "command", told)
    done = CliRunner().invoke(cli, ["serve"])
    assert "these are the reference results" in done.stderr
    assert called == [None]
    assert json.loads(found.read_text())[BOARD] == ""
    for asked in (["--board", "board"], ["--releases", "out"]):
        assert isinstance(CliRunner().invoke(cli, ["serve", *asked]).exception, MissingData)
    (tmp_path / "board" / "results").mkdir(parents=True)
    assert CliRunner().invoke(cli, ["serve"]).exit_code == 0
    assert called == [None, Path("board")]


def test_a_board_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="bord: expected a board"):
        serve(tmp_path / "bord", 8600)


def test_what_may_hold_a_password_is_no_argument_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results").mkdir()
    found = tmp_path / "environment.json"
    tell = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
    monkeypatch.setattr(serving, "command", lambda *_: [sys.executable, "-c", tell, str(found)])
    url = "postgresql://ada:secret@db.example/board"
    assert serve(tmp_path, 8501, database=url, releases=Path("out")) == 0
    environment = json.loads(found.read_text())
    assert (environment[DATABASE], environment[RELEASES]) == (url, "out")
    assert not any("secret" in part for part in command(tmp_path, 8501))


def test_markdown_is_escaped_and_addresses_are_no_links() -> None:
    assert plain("a_b*c*") == r"a\_b\*c\*"
    assert "http:" not in plain("http://somewhere.example").replace("\\", "")
    assert "www." not in plain("WWW.somewhere.example").replace("\\", "").lower()
