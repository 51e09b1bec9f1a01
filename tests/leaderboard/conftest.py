"""Entries and galleries of a board, made from the few facts that a test is about."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from leakboard.leaderboard import Desk, User
from leakboard.leaderboard.serve import APP
from leakboard.schemas import (
    HEADLINE,
    ClientCost,
    Direction,
    Gallery,
    GalleryImage,
    ImageValues,
    LeaderboardRow,
    Licence,
    Score,
    ScoreReport,
    Setting,
    Track,
    Utility,
    ValuesHeader,
)
from leakboard.schemas.records import PublicSplit
from leakboard.schemas.scores import repeated_name

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
MakeRow = Callable[..., LeaderboardRow]
MakeGallery = Callable[..., Gallery]
OpenPage = Callable[..., AppTest]
Interval = tuple[float, float, float]  # value, low, high


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def headline(track: Track, interval: Interval, n: int = 900) -> Score:
    value, low, high = interval
    return Score(
        metric=HEADLINE[track],
        value=value,
        low=low,
        high=high,
        n=n,
        direction=Direction.HIGHER_LEAKS_MORE,
        metric_version=1,
    )


def make_entry(
    defense: str,
    leakage: Interval,
    utility: Interval = (0.9, 0.88, 0.92),
    *,
    seed: int = 0,
    options: Mapping[str, object] | None = None,
    attack: str = "classifier",
    track: Track = Track.ATTRIBUTE,
    ceiling: bool = False,
    budget: int = 1000,
    n: int = 900,
    split: PublicSplit = "test",
    asked: int | None = None,
    anchors: Mapping[str, Interval] | None = None,
    flags: Sequence[str] = (),
    repeated: Interval | None = None,
    secret: str = "",
    **changes: object,
) -> LeaderboardRow:
    config_id = digest(defense, options)[:16]
    report = ScoreReport(
        release=f"synthetic-{defense}",
        fingerprint=digest(config_id, seed, secret, changes.get("dataset")),
        attack=attack,
        options={},
        ceiling=ceiling,
        auxiliary_records=budget,
        track=track,
        setting=Setting.AUXILIARY,
        split=split,
        asked=asked,
        scores={HEADLINE[track]: headline(track, leakage, n)}
        | ({repeated_name(HEADLINE[track]): headline(track, repeated, 500)} if repeated else {}),
        anchors={
            name: {HEADLINE[track]: headline(track, interval)}
            for name, interval in (anchors or {}).items()
        },
        flags=tuple(flags),
        leakboard_version="0.1.0",
    )
    value, low, high = utility
    row = LeaderboardRow(
        submitted="2026-11-23T20:00:00Z",
        verified=False,
        dataset="synthetic",
        dataset_options={},
        task="smiling",
        sensitive="gender",
        image_size=32,
        network="resnet18",
        split_layer="layer1",
        split_index=4,
        defense=defense,
        defense_options=dict(options or {}),
        config=f"synthetic-{defense}",
        config_id=config_id,
        seed=seed,
        scale="smoke",
        ranked=True,
        utility=Utility(value=value, low=low, high=high, n=900),
        cost=ClientCost(
            client_macs=12738560,
            client_parameters=276736,
            task_network_macs=25166848,
            bytes_sent=8192,
            compressed_bytes_sent=3500,
        ),
        report=report,
    )
    return LeaderboardRow.parse(row.model_dump() | changes, "a test's entry")


@pytest.fixture
def make_row() -> MakeRow:
    return make_entry


def image_values(row: LeaderboardRow, value: Sequence[float], images: str = "") -> ImageValues:
    """What each image contributed to an entry: of two images per subject, named from `images`."""
    return ImageValues(
        ValuesHeader(
            fingerprint=row.report.fingerprint,
            split=row.report.split,
            attack=row.report.attack,
            metric=row.report.headline.metric,
            metric_version=1,
        ),
        [f"{images}{number:05d}" for number in range(len(value))],
        [f"{row.report.release} {number // 2}" for number in range(len(value))],
        np.asarray(value, np.float64),
    )


CC0 = Licence(name="CC0-1.0", redistributable=True, citation="made by the tests")


def picture(seed: int, side: int = 8) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def make_gallery() -> MakeGallery:
    return write_gallery


def write_gallery(
    board: Path, release: str, seeds: Sequence[int], fingerprint: str | None = None
) -> Gallery:
    """A gallery that shows the inputs with these seeds, rebuilt by one attack."""
    folder = board / "gallery" / release
    folder.mkdir(parents=True)
    images = []
    for place, seed in enumerate(seeds):
        names = [f"{place}-{kind}.png" for kind in ("input", "activation", "decoder")]
        picture(seed).save(folder / names[0])
        picture(seed + 100, side=32).save(folder / names[1])
        picture(seed + 200).save(folder / names[2])
        images.append(
            GalleryImage(
                image_id=f"{seed:032x}",
                input=names[0],
                activation=names[1],
                reconstructions={"decoder": names[2]},
            )
        )
    gallery = Gallery(
        release=release,
        fingerprint=fingerprint or release[-1] * 64,
        licence=CC0,
        images=tuple(images),
    )
    (folder / "gallery.json").write_text(gallery.to_json())
    return gallery


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.set_up(tmp_path / "board")


@pytest.fixture
def ada(desk: Desk) -> User:
    return desk.user_of(desk.issue_token("ada"))


@pytest.fixture
def bob(desk: Desk) -> User:
    """A user of few submissions."""
    return desk.user_of(desk.issue_token("bob", daily=2))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OpenPage:
    def open_page(board: Path = tmp_path, at: str = "", **query: str) -> AppTest:
        monkeypatch.setattr("sys.argv", ["app.py", str(board)])
        page = AppTest.from_file(APP, default_timeout=30)
        if at:  # AppTest's own `switch_page` knows pages that are files alone
            page._page_hash = calc_hash(at)
        for name, value in query.items():
            page.query_params[name] = value
        page.run()
        assert not page.exception
        return page

    return open_page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        missing = "there is no Chromium: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()
