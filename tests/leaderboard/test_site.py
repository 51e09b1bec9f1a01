"""The board as static pages: complete, linked, and only text where others wrote."""

import csv
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from leakboard.cli import cli
from leakboard.leaderboard import Board
from leakboard.leaderboard.site import export_site
from leakboard.schemas import (
    Gallery,
    LeaderboardRow,
    MissingData,
    OutputExists,
    Track,
)

MakeRow = Callable[..., LeaderboardRow]
MakeGallery = Callable[..., Gallery]
HOSTILE = "<script>alert(1)</script><img src=//evil.example/a>"


class Page(HTMLParser):
    """The tags of a page, what it links to, and what it says."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def board(tmp_path: Path, make_row: MakeRow, make_gallery: MakeGallery) -> Board:
    opened = Board.open(tmp_path / "board")
    for track in Track:
        for defense, leakage in (("none", (0.8, 0.78, 0.82)), ("disco", (0.5, 0.48, 0.52))):
            opened.add(make_row(defense, leakage, track=track))
    row = make_row(HOSTILE, (0.4, 0.3, 0.5), attack=HOSTILE, dataset=HOSTILE, task=HOSTILE)
    opened.add(row)
    make_gallery(opened.folder, "release-a", [1, 2], row.report.fingerprint)
    return opened


def test_every_link_and_picture_is_there_and_nothing_is_from_elsewhere(
    board: Board, tmp_path: Path
) -> None:
    first = export_site(board, tmp_path / "site")
    pages = list(first.parent.glob("*.html"))
    assert len(pages) == 3 + 3  # overview, gallery, method; two tracks and another dataset
    linked = {target for page in pages for target in Page(page).targets}
    for target in linked:
        assert (first.parent / unquote(target)).is_file(), target
    files = {p.relative_to(first.parent).as_posix() for p in first.parent.rglob("*") if p.is_file()}
    assert files == linked
    for figure in first.parent.glob("figures/*.svg"):
        ElementTree.parse(figure)


def test_text_that_others_wrote_is_only_text(board: Board, tmp_path: Path) -> None:
    folder = export_site(board, tmp_path / "site").parent
    pages = [Page(path) for path in folder.glob("*.html")]
    assert all("script" not in page.tags for page in pages)
    assert any(HOSTILE in page.text for page in pages)


def test_board_json_holds_every_entry_and_where_defenses_stand(
    board: Board, tmp_path: Path
) -> None:
    content = json.loads((export_site(board, tmp_path / "site").parent / "board.json").read_text())
    entries = [LeaderboardRow.parse(entry, "board.json") for entry in content["entries"]]
    assert entries == board.rows()
    of_track = {(r["track"], r["group"]["dataset"]): r["standings"] for r in content["rankings"]}
    first, second = of_track["attribute", "synthetic"]
    assert (first["defense"], first["rank"]) == ("disco", {"best": 1, "worst": 1})
    assert second["leakage"] == {"value": 0.8, "low": 0.78, "high": 0.82, "n": 900}


def test_the_tables_are_files_too(board: Board, tmp_path: Path) -> None:
    folder = export_site(board, tmp_path / "site").parent
    with (folder / "tables" / "synthetic-attribute-test-1-ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["Worst-case leakage ↓ value"] for row in rows] == ["0.5", "0.8"]


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_earlier_export_is_replaced_by_what_the_board_is_now(
    board: Board, tmp_path: Path, make_row: MakeRow
) -> None:
    folder = tmp_path / "site"
    export_site(board, folder)
    board.add(make_row("gaussian_noise", (0.3, 0.28, 0.32), dataset="cifar10"))
    (board.folder / "results" / f"{board.rows(dataset=HOSTILE)[0].entry_id}.json").unlink()
    fewer = Board.open(board.folder)
    (tmp_path / "link").symlink_to(folder)
    export_site(fewer, tmp_path / "link")
    export_site(fewer, tmp_path / "fresh")
    assert files_of(folder) == files_of(tmp_path / "fresh")
    assert (tmp_path / "link").is_symlink()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("name", "content"), [("mine", ""), ("index.html", ""), ("board.json", "[]")]
)
def test_what_no_export_wrote_is_not_replaced(
    board: Board, tmp_path: Path, name: str, content: str
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / name).write_text(content)
    with pytest.raises(OutputExists, match=f"{name} is none of its files"):
        export_site(board, folder)
    assert files_of(folder) == {name: content.encode()}


def test_an_export_that_somebody_added_a_file_to_is_not_replaced(
    board: Board, tmp_path: Path
) -> None:
    folder = export_site(board, tmp_path / "site").parent
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputExists, match=r"notes\.txt is none of its files"):
        export_site(board, folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_nothing_is_made_of_a_board_without_entries(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="has no entries"):
        export_site(Board.open(tmp_path / "board"), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_command_names_the_first_page(board: Board, tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = CliRunner().invoke(cli, ["export-site", str(site), "--board", str(board.folder)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(str(site / "index.html"))
