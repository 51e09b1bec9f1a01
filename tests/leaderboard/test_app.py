"""The pages, without a browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from leakboard.leaderboard import Board
from leakboard.leaderboard.serve import APP, STORE
from leakboard.leaderboard.store.reference import FOLDER, reference
from leakboard.schemas import LeaderboardRow, Track

from .conftest import OpenPage, image_values

MakeRow = Callable[..., LeaderboardRow]

HOSTILE = "<script>alert(1)</script> **b** [l](http://evil.example) $x$ :red[r] ![i](//e.example/i)"


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


def linked(column: Any) -> list[str]:
    """What a column of links shows: the fragments of their addresses."""
    return [unquote_plus(cell.partition("#")[2]) for cell in column]


def test_an_empty_board_says_what_to_do(open_page: OpenPage, tmp_path: Path) -> None:
    for board in (tmp_path, tmp_path / "nowhere"):
        (message,) = open_page(board).info
        assert "No results yet: run `leakboard demo`" in message.value
    assert not (tmp_path / "nowhere").exists()


def test_where_no_board_is_named_the_reference_results_are_shown_and_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LEAKBOARD_BOARD", raising=False)
    monkeypatch.setattr("sys.argv", ["app.py"])
    before = sorted(FOLDER.iterdir())
    page = AppTest.from_file(APP, default_timeout=30).run()
    assert not page.exception
    said = page.info[0].value
    (scale,) = {row.scale for row in reference().rows()}
    assert f"at {scale} scale" in said
    assert "For a board of your own: `leakboard demo --serve`" in said
    assert page.dataframe
    page._page_hash = calc_hash("submit")
    assert "only shown" in page.run().info[1].value
    assert sorted(FOLDER.iterdir()) == before


def test_the_environment_names_the_board_where_the_command_line_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    monkeypatch.setattr("sys.argv", ["app.py"])
    monkeypatch.setenv("LEAKBOARD_BOARD", str(tmp_path))
    assert AppTest.from_file(APP, default_timeout=30).run().dataframe


def test_the_environment_names_the_store(
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    rows: list[LeaderboardRow],
) -> None:
    fill(tmp_path / "board", rows)
    monkeypatch.setenv(STORE, f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    assert open_page(tmp_path / "board").dataframe
    assert (tmp_path / "elsewhere.sqlite").is_file()


def test_the_ranking_is_the_first_table(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    page = open_page()
    ranking = page.dataframe[0].value
    assert linked(ranking["Defense"]) == ["disco", "none"]
    assert list(ranking["Rank"]) == ["1 (provisional)", "2 (provisional)"]
    assert "disco \\(0\\.500" in shown(page)
    assert len(page.get("vega_lite_chart")) == 1


def test_what_comes_and_goes_while_a_page_is_open_is_seen_at_the_next_run(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
) -> None:
    fill(tmp_path, rows)
    page = open_page()
    better = make_row("better", (0.2, 0.18, 0.22), dataset="cifar10")
    Board.open(tmp_path).add(better)
    assert linked(page.run().dataframe[0].value["Defense"]) == ["better", "disco", "none"]
    (tmp_path / "results" / f"{better.entry_id}.json").unlink()
    assert linked(page.run().dataframe[0].value["Defense"]) == ["disco", "none"]


def test_choices_that_admit_the_same_attacks_show_the_same_ranking_and_others_do_not(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
) -> None:
    strong = make_row("disco", (0.9, 0.88, 0.92), dataset="cifar10", budget=9000, verified=True)
    fill(tmp_path, [*rows, strong])
    page = open_page()
    assert linked(page.dataframe[0].value["Defense"]) == ["none", "disco"]
    page.selectbox(key="budget").set_value("9000").run()
    assert linked(page.dataframe[0].value["Defense"]) == ["none", "disco"]
    page.selectbox(key="budget").set_value("1000").run()
    assert linked(page.dataframe[0].value["Defense"]) == ["disco", "none"]


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
    assert page.button_group(key="dataset").value == "cifar10"
    page.button_group(key="track").set_value("reconstruction").run()
    assert not page.exception
    assert page.button_group(key="dataset").value == "synthetic"


def test_controls_stand_apart(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
) -> None:
    control = make_row("noise only", (0.2, 0.1, 0.3), dataset="cifar10", ranked=False)
    fill(tmp_path, [*rows, control])
    page = open_page(controls1="true", entries1="true")
    ranking, controls, entries = (table.value for table in page.dataframe)
    assert "noise only" not in linked(ranking["Defense"])
    assert linked(controls["Defense"]) == ["noise only"]
    assert len(entries) == 3


def test_a_row_leads_to_all_about_its_defense_and_its_attack_with_the_same_choices(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    first = open_page(dataset="synthetic", loss="3").dataframe[0].value.iloc[0]
    assert first["Defense"].startswith("defense?dataset=synthetic&loss=3&defense=disco#")
    led = "attack?dataset=synthetic&loss=3&attack=classifier&defense=disco#"
    assert first["Strongest attack"].startswith(led)


class TestDefense:
    def test_it_shows_settings_curve_attacks_budgets_and_history(
        self, open_page: OpenPage, tmp_path: Path, make_row: MakeRow
    ) -> None:
        made = [
            make_row(
                "disco",
                (leakage + budget / 1e5, leakage - 0.1, leakage + 0.2),
                options={"ratio": ratio},
                budget=budget,
                submitted=f"2026-11-0{1 + budget // 1000}T00:00:00Z",
            )
            for ratio, leakage in ((0.5, 0.6), (0.9, 0.4))
            for budget in (100, 1000)
        ]
        fill(tmp_path, made)
        page = open_page(at="defense", defense="disco ratio=0.5")
        settings, tried, history = (table.value for table in page.dataframe)
        assert list(settings["Options"]) == ["ratio=0.9", "ratio=0.5"]
        assert list(tried["Auxiliary records"]) == [1000, 100]
        assert list(history["Since"]) == ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]
        assert len(page.get("vega_lite_chart")) == 3
        assert "reads 0\\.610" in shown(page)

    def test_without_attacks_it_says_so(
        self, open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
    ) -> None:
        fill(tmp_path, [*rows, make_row("new", (0.3, 0.2, 0.4), dataset="cifar10", verified=True)])
        page = open_page(at="defense", defense="disco", checked="verified")
        assert "Nobody has attacked disco" in shown(page)
        assert "No attribute attack counts here" in page.info[0].value


class TestAttack:
    def test_it_shows_every_defense_and_how_to_run_it(
        self, open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
    ) -> None:
        weaker = make_row("disco", (0.4, 0.3, 0.45), dataset="cifar10", attack="probe", budget=100)
        fill(tmp_path, [*rows, weaker])
        page = open_page(at="attack", attack="probe")
        assert linked(page.dataframe[0].value["Defense"]) == ["disco"]
        assert "strongest attack on no defense" in shown(page)
        assert page.code[0].value.splitlines() == [
            "leakboard attack probe synthetic-disco --out probe.parquet --split test "
            "--auxiliary 100",
            "leakboard score synthetic-disco probe.parquet",
        ]

    def test_it_is_run_on_the_defense_that_led_here(
        self, open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
    ) -> None:
        fill(tmp_path, rows)
        for defense in ("none", "disco"):
            page = open_page(at="attack", attack="classifier", defense=defense)
            assert f"leakboard attack classifier synthetic-{defense} " in page.code[0].value

    def test_what_never_looks_or_reads_the_input_is_no_attack(
        self, open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
    ) -> None:
        ceiling = make_row("none", (0.9, 0.8, 0.95), dataset="cifar10", attack="raw", ceiling=True)
        fill(tmp_path, [*rows, ceiling])
        assert "yardstick" in shown(open_page(at="attack", attack="raw"))


class TestCompare:
    def test_two_entries_are_paired_on_their_images(
        self, open_page: OpenPage, tmp_path: Path, make_row: MakeRow
    ) -> None:
        board = Board.open(tmp_path / "board")
        for attack, right in (("strong", [1, 1, 1, 1, 1, 0]), ("weak", [1, 0, 1, 0, 0, 0])):
            mean = sum(right) / 6
            row = make_row("disco", (mean, mean - 0.1, mean + 0.1), attack=attack, n=6)
            board.add(row, image_values(row, right))
        page = open_page(tmp_path / "board", at="compare")
        assert "paired on the same 6 images" in shown(page).replace("\\", "")
        assert len(page.get("vega_lite_chart")) == 1
        assert list(page.dataframe[1].value["Images"]) == [3, 3, 0]

    def test_without_values_it_says_so(
        self, open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
    ) -> None:
        fill(tmp_path, rows)
        second = "classifier on none, seed 0"
        assert "Not paired" in shown(open_page(at="compare", second=second)).replace("\\", "")


def test_a_single_entry_has_nothing_to_be_compared_with(
    open_page: OpenPage, tmp_path: Path, make_row: MakeRow
) -> None:
    fill(tmp_path, [make_row("none", (0.5, 0.4, 0.6))])
    assert "not two entries" in open_page(at="compare").info[0].value


def test_where_nothing_was_scored_every_page_says_what_to_do(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow], make_row: MakeRow
) -> None:
    deeper = {"split_layer": "layer2", "split_index": 6, "split": "validation"}
    fill(tmp_path, [*rows, make_row("none", (0.5, 0.4, 0.6), dataset="cifar10", **deeper)])
    for name in ("", "defense", "attack", "compare"):
        page = open_page(at=name, layer="layer2", split="test")
        assert "other choices in the sidebar" in page.info[0].value


def test_data_says_how_to_load_a_release_and_what_is_not_known(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    page = open_page(at="data", dataset="synthetic")
    assert list(page.dataframe[0].value["Release"]) == ["synthetic-disco", "synthetic-none"]
    assert 'load_dataset("synthetic-disco")' in page.code[1].value
    assert "does not hold the manifest" in page.info[0].value


def test_the_method_is_explained_with_its_metrics(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    page = open_page(at="method")
    assert "ssim" in list(page.dataframe[0].value["Metric"])
    assert "Known errors" in shown(page)


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
    facts = {"id": "a" * 32, "name": HOSTILE, "authors": [HOSTILE], "paper": HOSTILE}
    submitted = {**facts, "licence": HOSTILE, "decimals": None, "like": None}
    rows.append(make_row("disco", (0.5, 0.4, 0.6), submission=submitted, **names))
    fill(tmp_path, rows)
    for name in ("", "defense", "attack", "compare", "gallery", "data"):
        page = open_page(at=name)
        for mark in ("<script>", "**b**", "[l](", "http://", "$x$", ":red[", "![i]("):
            assert mark not in shown(page)
        assert not any(element.proto.allow_html for element in [*page.markdown, *page.caption])
    assert HOSTILE in linked(open_page().dataframe[0].value["Defense"])


def test_a_damaged_result_is_one_sentence_and_no_traceback(
    open_page: OpenPage, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    fill(tmp_path, rows)
    path = tmp_path / "results" / f"{rows[0].entry_id}.json"
    path.write_text("{")
    page = open_page()
    assert path.name in page.error[0].value.replace("\\", "")
