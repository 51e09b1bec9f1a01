"""The pages in headless Chromium: they draw everything, and nothing leaves this machine."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from leakboard.leaderboard import Board
from leakboard.schemas import LeaderboardRow, Setting, Track

from .browsing import WAIT, Scheme, Visit, opened, serious, served, visit
from .conftest import make_entry, write_gallery

MakeRow = Callable[..., LeaderboardRow]

HOSTILE = (
    "<img src=http://evil.example/a onerror=alert(1)> [l](http://evil.example) **b** $x$ :star:"
)
pytestmark = pytest.mark.slow


def filled(folder: Path) -> Path:
    """Fill a board: two defenses on two datasets, and entries for every filter to leave out."""
    board = Board.open(folder)
    for defense, leakage, utility, options in (
        ("none", (0.8, 0.78, 0.82), (0.90, 0.88, 0.92), {}),
        ("disco", (0.5, 0.48, 0.52), (0.88, 0.86, 0.90), {"ratio": 0.5}),
        ("disco", (0.4, 0.38, 0.42), (0.86, 0.84, 0.88), {"ratio": 0.9}),
    ):
        for track, split in product(Track, ("validation", "test")):
            about: dict[str, Any] = {"options": options, "track": track, "split": split}
            anchors = {"task_output": (0.3, 0.29, 0.31)}
            row = make_entry(defense, leakage, utility, anchors=anchors, **about)
            board.add(row)
            low = (leakage[0] - 0.1, leakage[1] - 0.1, leakage[2] - 0.1)
            few: dict[str, Any] = {
                "budget": 100,
                "verified": True,
                "submitted": "2026-11-20T00:00:00Z",
            }
            board.add(make_entry(defense, low, utility, anchors=anchors, **about, **few))
            white = make_entry(defense, low, utility, attack="search", **about)
            report = white.report.model_copy(update={"setting": Setting.WHITEBOX})
            board.add(white.model_copy(update={"report": report}))
        name = f"synthetic-{defense}{options.get('ratio', '')}"
        write_gallery(folder, name, [1, 2], row.report.fingerprint)
    layer2: dict[str, Any] = {"split_layer": "layer2", "split_index": 6, "secret": "another"}
    board.add(make_entry("none", (0.6, 0.5, 0.7), **layer2))
    board.add(make_entry("none", (0.7, 0.6, 0.8), dataset="toys"))
    return folder


def agree(one: Visit, other: Visit) -> bool:
    """Whether two pages come to say the same, once both have drawn all that they were sent.

    A figure's ticks that stayed from an earlier choice are elsewhere among its elements.
    """
    for _ in range(WAIT // 200):
        if sorted(one.text().splitlines()) == sorted(other.text().splitlines()):
            return True
        one.page.wait_for_timeout(200)
    return False


PAGES = {
    "": "Leakboard",
    "defense": "Defense",
    "attack": "Attack",
    "compare": "Compare",
    "gallery": "What the attacker sees",
    "data": "Data",
    "method": "Method",
    "submit": "Submit",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served board: two defenses, one in two settings, attacked on both tracks, with pictures."""
    board = filled(tmp_path_factory.mktemp("site") / "board")
    with served(board) as url:
        yield url


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (390, "dark")], ids=["desktop", "phone"]
)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_whole_within_its_width_and_accessibly(
    browser: Browser, site: str, name: str, width: int, scheme: Scheme
) -> None:
    seen = opened(browser, site, name, width=width, scheme=scheme)
    page = seen.page
    expect(page.get_by_role("heading", name=PAGES[name], level=1)).to_be_visible()
    for trouble in ("stException", "stAlertContentError"):
        assert page.get_by_test_id(trouble).count() == 0
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        expect(chart.locator("canvas, svg").first).to_be_visible(timeout=WAIT)
    for picture in page.get_by_test_id("stImage").locator("img").all():
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        assert picture.get_attribute("alt")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
    seen.assert_quiet()
    page.close()


def test_the_menu_leads_to_every_page_and_keeps_the_choices(browser: Browser, site: str) -> None:
    seen = opened(browser, site)
    page = seen.page
    page.get_by_role("radio", name="reconstruction").click(timeout=WAIT)
    page.wait_for_url("**track=reconstruction**", timeout=WAIT)
    for name, heading in list(PAGES.items())[1:]:
        page.get_by_role("link", name=name.capitalize(), exact=True).click(timeout=WAIT)
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible(timeout=WAIT)
        assert "track=reconstruction" in page.url
        expect(page.get_by_role("radio", name="reconstruction")).to_be_checked()
    seen.assert_quiet()
    page.close()


def test_a_row_leads_to_all_about_its_defense(browser: Browser, site: str) -> None:
    seen = opened(browser, site, "?loss=3")
    ranking = seen.page.get_by_role("region", name="Ranking").first
    linked = seen.page.evaluate(
        """async () => { const found = []; window.open = (url) => found.push(url) && null;
        window.opened = found; }"""
    )
    assert linked is None
    box = ranking.locator("canvas").first.bounding_box()
    assert box is not None
    for x in range(60, int(box["width"]), 25):  # a canvas has no elements: try along the first row
        seen.page.mouse.click(box["x"] + x, box["y"] + 52)
        if leading := seen.page.evaluate("window.opened"):
            break
    assert leading[0].startswith("defense?loss=3&defense=disco")
    led = opened(browser, site, leading[0])
    expect(led.page.get_by_text("The strongest attack on disco")).to_be_visible()
    led.assert_quiet()
    for one in (seen, led):
        one.page.close()


SEGMENTS = {
    "reconstruction": "track=reconstruction",
    "validation": "split=validation",
    "1": "loss=1",
    "toys": "dataset=toys",
}
LISTS = {
    "Split layer": ("layer2", "layer=layer2"),
    "The attacker knows": ("whitebox", "knows=whitebox"),
    "Checked by the organiser": ("verified", "checked=verified"),
    "Auxiliary records of at most": ("100", "budget=100"),
}


@pytest.mark.parametrize("label", SEGMENTS)
def test_a_choice_side_by_side_is_brought_back_by_its_address(
    browser: Browser, site: str, label: str
) -> None:
    seen = opened(browser, site)
    seen.page.get_by_role("radio", name=label, exact=True).first.click(timeout=WAIT)
    seen.page.wait_for_url(f"**{SEGMENTS[label]}**", timeout=WAIT)
    seen.settle()
    again = opened(browser, site, seen.page.url.rpartition("/")[2])
    expect(again.page.get_by_role("radio", name=label, exact=True).first).to_be_checked()
    assert agree(again, seen)
    for one in (seen, again):
        one.assert_quiet()
        one.page.close()


@pytest.mark.parametrize("label", LISTS)
def test_a_choice_from_a_list_is_brought_back_by_its_address(
    browser: Browser, site: str, label: str
) -> None:
    option, query = LISTS[label]
    seen = opened(browser, site)
    page, unrestricted = seen.page, seen.text()
    page.get_by_role("combobox", name=label).click(timeout=WAIT)
    page.get_by_role("option", name=option, exact=True).click(timeout=WAIT)
    page.wait_for_url(f"**{query}**", timeout=WAIT)
    seen.settle()
    again = opened(browser, site, page.url.rpartition("/")[2])
    assert agree(again, seen)
    assert again.text() != unrestricted
    for one in (seen, again):
        one.assert_quiet()
        one.page.close()


# Ticks that come and go are in another order among the elements.
MARKS = """svg => [...svg.querySelectorAll("path, line, text")].map(
    (mark) => [mark.textContent, mark.getAttribute("fill"), mark.getAttribute("stroke")].join()
).sort()"""


def test_a_choice_exchanges_what_a_figure_shows_and_nothing_else_of_it(
    browser: Browser, site: str
) -> None:
    seen = opened(browser, site)
    figure = seen.page.get_by_test_id("stVegaLiteChart").first.locator("svg")
    expect(figure).to_contain_text("task output", timeout=WAIT)
    before = figure.text_content()
    figure.evaluate("svg => svg.dataset.seen = 'before'")
    seen.page.get_by_role("combobox", name="The attacker knows").click(timeout=WAIT)
    seen.page.get_by_role("option", name="whitebox", exact=True).click(timeout=WAIT)
    seen.page.wait_for_url("**knows=whitebox**", timeout=WAIT)
    expect(figure).not_to_have_text(str(before), timeout=WAIT)
    seen.settle()
    assert figure.get_attribute("data-seen") == "before"
    again = opened(browser, site, seen.page.url.rpartition("/")[2])
    anew = again.page.get_by_test_id("stVegaLiteChart").first.locator("svg")
    expect(anew).to_contain_text("disco ratio=0.5", timeout=WAIT)  # in the legend
    one, other = (svg.evaluate(MARKS) for svg in (figure, anew))
    assert one == other
    for visited in (seen, again):
        visited.assert_quiet()
        visited.page.close()


READERS: dict[str, Callable[[bytes], object]] = {
    "csv": lambda content: polars.read_csv(content),
    "json": lambda content: json.loads(content),
    "parquet": lambda content: polars.read_parquet(content),
    "tex": lambda content: content.decode().index("\\midrule"),
    "bib": lambda content: content.decode().index("@inproceedings{disco,"),
    "svg": lambda content: ElementTree.fromstring(content),
    "png": lambda content: Image.open(BytesIO(content)).verify(),
}


def test_every_table_and_figure_can_be_taken_away(browser: Browser, site: str) -> None:
    seen = opened(browser, site)
    page, taken = seen.page, set()
    for button in page.get_by_role("button", name="Export").all():
        button.click(timeout=WAIT)
        offered = page.get_by_test_id("stPopoverBody").get_by_test_id("stDownloadButton")
        expect(offered.first).to_be_visible(timeout=WAIT)
        for one in offered.get_by_role("button").all():
            with page.expect_download(timeout=WAIT) as download:
                one.click()
            name = download.value.suggested_filename
            READERS[name.rpartition(".")[2]](Path(download.value.path()).read_bytes())
            taken.add(name.rpartition(".")[2])
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("stPopoverBody")).to_have_count(0, timeout=WAIT)
    assert taken == set(READERS)
    seen.assert_quiet()
    page.close()


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
