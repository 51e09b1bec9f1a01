"""The pages, without a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from leakboard.leaderboard import Board
from leakboard.leaderboard.serve import APP
from leakboard.schemas import LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]
OpenPage = Callable[..., AppTest]

HOSTILE = "<script>alert(1)</script> **b** [l](http://evil.example) $x$ :red[r] ![i](//e.example/i)"


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OpenPage:
    def open_page(board: Path = tmp_path, **query: str) -> AppTest:
        monkeypatch.setattr("sys.argv", ["app.py", str(board)])
        page = AppTest.from_file(APP, default_timeout=30)
        for name, value in query.items():
            page.query_params[name] = value
        page.run()
        assert not page.exception
        return page

    return open_page


@pytest.fixture
def rows(make_row: MakeRow) -> list[LeaderboardRow]:
    return [
        make_row(defense, leakage, utility, track=track, dataset=dataset)
        for dataset in ("cifar10", "synthetic")
        for track in Track
        for defense, leakage, utility in (
            ("none", (0.8, 0.78, 0.82), (0.90, 0.88, 0.92)),
            ("disco", (0.5, 0.48, 0.52), (0.88, 0.86, 0.90)),
        )
        if (dataset, track) != ("cifar10", Track.RECONSTRUCTION)
    ]


def fill(folder: Path, rows: list[LeaderboardRow]) -> None:
    board = Board.open(folder)
    for row in rows:
        board.add(row)


def shown(page: AppTest) -> str:
    return "\n".join(element.value for element in [*page.header, *page.markdown, *page.caption])


def test_an_empty_board_says_what_to_do(open_page: OpenPage, tmp_path: Path) -> None:
    for board in (tmp_path, tmp_path / "nowhere"):
        (message,) = open_page(board).info
        assert "No results yet: run `leakboard demo`" in message.value
    assert not (tmp_path / "nowhere").exists()


def test_a_board_has_to_be_named(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEAKBOARD_BOARD", raising=False)
    monkeypatch.setattr("sys.argv", ["app.py"])
    page = AppTest.from_file(APP).run()
    assert "leakboard serve --board DIR" in page.info[0].value


def test_the_environment_names_the_board_where_the_command_line_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    monkeypatch.setattr("sys.argv", ["app.py"])
    monkeypatch.setenv("LEAKBOARD_BOARD", str(tmp_path))
    assert AppTest.from_file(APP, default_timeout=30).run().dataframe


def test_the_ranking_is_the_first_table(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    page = open_page()
    ranking = page.dataframe[0].value
    assert list(ranking["Defense"]) == ["disco", "none"]
    assert list(ranking["Rank"]) == ["1 (provisional)", "2 (provisional)"]
    assert "disco \\(0\\.500" in shown(page)
    assert len(page.get("vega_lite_chart")) == 1


def test_the_address_holds_the_choices(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    page = open_page(track="reconstruction", loss="1")
    assert page.button_group(key="track").value == "reconstruction"
    ranking = page.dataframe[0].value
    assert list(ranking["Notes"])[1] == "loses 2 points, more than 1"


def test_a_choice_that_is_gone_gives_way(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    page = open_page(dataset="celeba", track="nonsense", loss="50")
    assert page.selectbox(key="dataset").value == "cifar10"
    page.button_group(key="track").set_value("reconstruction").run()
    assert not page.exception
    assert page.selectbox(key="dataset").value == "synthetic"


def test_controls_stand_apart(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
) -> None:
    control = make_row("noise only", (0.2, 0.1, 0.3), dataset="cifar10", ranked=False)
    fill(tmp_path, [*rows, control])
    ranking, controls, entries = (table.value for table in open_page().dataframe)
    assert "noise only" not in list(ranking["Defense"])
    assert list(controls["Defense"]) == ["noise only"]
    assert len(entries) == 3


def test_text_that_others_wrote_is_only_text(
    open_page: OpenPage, tmp_path: Path, make_row: MakeRow
) -> None:
    names = dict.fromkeys(["dataset", "task", "sensitive", "network", "split_layer"], HOSTILE)
    rows = [
        make_row("none", (0.8, 0.7, 0.9), options={HOSTILE: HOSTILE}, flags=[HOSTILE], **names),
        make_row(
            HOSTILE, (0.5, 0.4, 0.6), attack=HOSTILE, anchors={HOSTILE: (0.2, 0.1, 0.3)}, **names
        ),
    ]
    fill(tmp_path, rows)
    page = open_page()
    for mark in ("<script>", "**b**", "[l](", "http://", "$x$", ":red[", "![i]("):
        assert mark not in shown(page)
    assert HOSTILE in list(page.dataframe[0].value["Defense"])
    assert not any(element.proto.allow_html for element in [*page.markdown, *page.caption])


def test_a_damaged_result_is_one_sentence_and_no_traceback(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    path = tmp_path / "results" / f"{rows[0].entry_id}.json"
    path.write_text("{")
    page = open_page()
    assert path.name in page.error[0].value.replace("\\", "")
