"""What a reader comes for is at most three clicks away from the first page."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from leakboard.leaderboard import Board
from leakboard.schemas import LeaderboardRow, Track

from .browsing import WAIT, Visit, opened, served
from .conftest import make_entry, write_gallery

pytestmark = pytest.mark.slow

LEAKAGE = {"none": 0.8, "gaussian_noise": 0.4, "disco": 0.6}  # DISCO is not the first row
STRONGEST = {Track.ATTRIBUTE: "attribute_classifier", Track.RECONSTRUCTION: "decoder"}
ROW = 35  # pixels of a table's row, the head included


def made(dataset: str, defense: str, attack: str, track: Track, split: str) -> LeaderboardRow:
    value = LEAKAGE[defense] - (0.1 if attack == "nearest_neighbour" else 0)
    options = {"ratio": 0.9} if defense == "disco" else {}
    interval = (value, value - 0.02, value + 0.02)
    about: dict[str, Any] = {"attack": attack, "track": track, "split": split, "options": options}
    row = make_entry(defense, interval, dataset=dataset, task="gender", sensitive="race", **about)
    report = row.report.model_copy(update={"release": f"{dataset}-{defense}"})
    return row.model_copy(update={"report": report})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two datasets, three defenses, two attacks on each track; pictures of one dataset."""
    board = Board.open(tmp_path_factory.mktemp("site") / "board")
    for dataset, defense in product(("cifar10", "fairface"), LEAKAGE):
        for track, split in product(Track, ("validation", "test")):
            for attack in (STRONGEST[track], "nearest_neighbour"):
                row = made(dataset, defense, attack, track, split)
                board.add(row)
        if dataset == "fairface":
            write_gallery(board.folder, f"fairface-{defense}", [1, 2], row.report.fingerprint)
    with served(board.folder) as url:
        yield url


class Reader:
    """Somebody who starts on the first page, with a mouse that counts."""

    def __init__(self, seen: Visit) -> None:
        self.seen = seen
        self.clicks = 0

    @property
    def page(self) -> Page:
        return self.seen.page

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click(timeout=WAIT)

    def choose(self, name: str) -> None:
        self.click(self.page.get_by_role("radio", name=name, exact=True))
        self.page.wait_for_url(f"**={name}**", timeout=WAIT)
        self.seen.settle()

    def open(self, name: str) -> None:
        self.click(self.page.get_by_role("link", name=name, exact=True))
        self.page.wait_for_url(f"**/{name.lower()}**", timeout=WAIT)
        self.seen.settle()

    def follow(self, column: str, beside: str) -> None:
        """Click the link in a column of the ranking, in the row that holds a text."""
        table = self.page.get_by_role("region", name="Ranking").locator("canvas").first
        table.scroll_into_view_if_needed()
        row = table.locator("[role=row]", has_text=beside).first  # what a screen reader is told
        number = int(row.get_attribute("aria-rowindex", timeout=WAIT) or 0)
        box = table.bounding_box()
        assert box is not None
        y = box["y"] + ROW * (number - 0.5)
        links = [x for x in range(0, int(box["width"]), 8) if self._points(table, box["x"] + x, y)]
        gaps = [x for before, x in zip([-99, *links], links, strict=False) if x - before > 16]
        place = ["Defense", "Strongest attack"].index(column)
        self.clicks += 1
        with self.page.expect_popup(timeout=WAIT) as led:
            self.page.mouse.click(box["x"] + gaps[place] + 2, y)
        self.seen = Visit(led.value)
        self.seen.settle()

    def _points(self, table: Locator, x: float, y: float) -> bool:
        """Whether the mouse would follow a link there: a canvas tells by its cursor alone."""
        self.page.mouse.move(x, y)
        return bool(table.evaluate("one => getComputedStyle(one).cursor === 'pointer'"))


@pytest.fixture
def reader(browser: Browser, site: str) -> Iterator[Reader]:
    seen = opened(browser, site)
    started = Reader(seen)
    yield started
    assert started.clicks <= 3
    started.seen.assert_quiet()
    seen.assert_quiet()
    seen.page.context.close()


@pytest.mark.parametrize("track", Track)
def test_the_strongest_attack_on_disco_and_its_interval(reader: Reader, track: Track) -> None:
    if track is not Track.ATTRIBUTE:
        reader.choose(track)
    reader.choose("fairface")
    reader.follow("Defense", beside="disco")
    said = (
        f"The strongest attack on disco ratio=0.9, {STRONGEST[track]}, reads 0.600 [0.580, 0.620]"
    )
    expect(reader.page.get_by_text(said)).to_be_visible(timeout=WAIT)
    expect(reader.page.get_by_text("fairface ·")).to_be_visible()


def test_a_picture_of_what_is_rebuilt_from_disco(reader: Reader) -> None:
    reader.choose("fairface")
    reader.open("Gallery")
    under = reader.page.get_by_text("fairface-disco")
    expect(under).to_be_visible(timeout=WAIT)
    rebuilt = reader.page.get_by_role("img", name="rebuilt by decoder")
    expect(rebuilt).to_have_count(len(LEAKAGE))
    assert rebuilt.first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


@pytest.mark.parametrize("track", Track)
def test_how_to_run_the_strongest_attack_oneself(reader: Reader, track: Track) -> None:
    if track is not Track.ATTRIBUTE:
        reader.choose(track)
    reader.choose("fairface")
    reader.follow("Strongest attack", beside="disco")
    command = f"leakboard attack {STRONGEST[track]} fairface-disco"
    expect(reader.page.get_by_text(command)).to_be_visible(timeout=WAIT)
