"""The recipe of a Hugging Face Space, as far as it can be told without one."""

import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import RepoCard
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from streamlit.testing.v1 import AppTest

from leakboard.leaderboard import Board, command
from leakboard.schemas import LeaderboardRow

from ..sources import ROOT

SPACE = ROOT / "docs" / "space"


def test_the_front_matter_names_an_app_that_shows_the_board_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_row: Callable[..., LeaderboardRow]
) -> None:
    space = shutil.copytree(SPACE, tmp_path / "space")
    Board.open(space / "board").add(make_row("none", (0.8, 0.7, 0.9)))
    page = run(space, monkeypatch)
    assert [one.value for one in page.title] == ["Leakboard"]
    assert page.dataframe
    assert not page.info


def test_without_a_board_beside_it_it_shows_the_reference_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = run(shutil.copytree(SPACE, tmp_path / "space"), monkeypatch)
    assert "Reference results" in page.info[0].value
    assert page.dataframe


def run(space: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("LEAKBOARD_BOARD", "")
    monkeypatch.setattr("sys.argv", ["app.py"])
    card = RepoCard.load(space / "README.md").data
    page = AppTest.from_file(space / card["app_file"], default_timeout=30).run()
    assert not page.exception
    return page


def test_the_space_runs_these_versions() -> None:
    card = RepoCard.load(SPACE / "README.md").data
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (streamlit,) = (
        needed
        for needed in map(Requirement, declared["dependencies"])
        if needed.name == card["sdk"]
    )
    assert card["sdk_version"] in streamlit.specifier
    assert card["sdk_version"] == version("streamlit")
    wheel = Path((SPACE / "requirements.txt").read_text().strip()).name
    name, built, *_ = parse_wheel_filename(wheel)
    assert (name, str(built)) == ("leakboard", declared["version"])


def test_the_space_looks_like_the_board_that_is_served_and_reports_to_nobody() -> None:
    settings = tomllib.loads((SPACE / ".streamlit" / "config.toml").read_text())
    served = {part.removeprefix("--") for part in command(Path("board"), 8501)}
    kinds = ("theme.", "client.", "browser.", "runner.")
    assert {one for one in served if one.startswith(kinds)} == set(flat(settings))


def flat(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Settings as the command line writes them."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}={str(value).lower() if isinstance(value, bool) else value}"
