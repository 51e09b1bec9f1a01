"""What the board shows of a submission: its own entry, its own name, and no more than is stated."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from leakboard.leaderboard import Board
from leakboard.leaderboard.desk.check import check
from leakboard.leaderboard.desk.desk import Received
from leakboard.leaderboard.desk.likeness import Likeness, nearest
from leakboard.leaderboard.desk.publish import COARSE, decimals_for, published, shown
from leakboard.leaderboard.desk.tables import State
from leakboard.leaderboard.ranking.health import flags
from leakboard.leaderboard.ranking.overfitting import gap
from leakboard.leaderboard.ranking.record import attack_name
from leakboard.schemas import (
    Direction,
    LeaderboardRow,
    Predictions,
    Release,
    Score,
    Submission,
    Track,
)

from ..submitting import DECLARED, drawn, header_of, write_file
from .conftest import image_values

MakeRow = Callable[..., LeaderboardRow]


def received(name: str = "linear probe", digit: str = "a") -> Received:
    return Received(
        id=digit * 32,
        user="ada",
        received="2026-11-26T10:00:00Z",
        private=False,
        submission=Submission.of(DECLARED | {"name": name}),
        fingerprint="0" * 64,
        split="test",
        predictions="0" * 64,
        state=State.RUNNING,
    )


@pytest.fixture
def row(release: Release, make_row: MakeRow) -> LeaderboardRow:
    """A published entry whose exact headline is 0.51234 over 900 images."""
    report = make_row("none", (0.51234, 0.4, 0.6), n=900).report
    changed = {"fingerprint": release.manifest.fingerprint}
    return published(release, received(), report.model_copy(update=changed), like=None)


def test_a_submission_is_declared_under_its_name_from_when_it_was_received(
    row: LeaderboardRow,
) -> None:
    assert not row.verified
    assert attack_name(row) == "linear probe"
    assert datetime.fromisoformat(row.submitted) == datetime(2026, 11, 26, 10, tzinfo=UTC)


def test_no_submission_takes_the_place_of_another(row: LeaderboardRow, release: Release) -> None:
    """Whatever the header of its file says of the attack, its options and its budget."""
    other = published(release, received(digit="b"), row.report, like=None)
    entered = row.model_copy(update={"submission": None})
    assert len({row.entry_id, other.entry_id, entered.entry_id}) == 3


@pytest.mark.parametrize("images", [1, 9, 10, 36, 99, 900, 1000, 10_000, 123_456])
def test_a_published_score_hides_what_a_few_images_change(images: int) -> None:
    step = 10.0 ** -decimals_for(images)
    assert min(1, COARSE / images / 10) <= step <= max(1, COARSE / images)


def test_scores_on_validation_are_published_as_they_are(make_row: MakeRow) -> None:
    exact = make_row("none", (0.51234, 0.4, 0.6), split="validation").report
    assert shown(exact) == exact
    on_test = make_row("none", (0.51234, 0.4, 0.6), n=900).report
    assert shown(on_test).headline.value == 0.51


def test_values_per_image_agree_with_a_rounded_entry(row: LeaderboardRow, tmp_path: Path) -> None:
    right = np.arange(900) < round(0.51234 * 900)
    board = Board.open(tmp_path / "board")
    board.add(row, image_values(row, right.astype(float).tolist()))
    found = board.values(row)
    assert found is not None
    assert math.isclose(found.value.mean(), row.report.headline.value, abs_tol=0.005)


# Over-fitting ------------------------------------------------------------------------------------


def one(value: float, half: float, direction: Direction) -> Score:
    ends = {"value": value, "low": value - half, "high": value + half}
    return Score(metric="m", n=100, direction=direction, metric_version=1, **ends)


def test_the_gap_is_in_leakage_and_its_errors_add_in_quadrature() -> None:
    up, down = Direction.HIGHER_LEAKS_MORE, Direction.LOWER_LEAKS_MORE
    found = gap(one(0.9, 0.03, up), one(0.6, 0.04, up))
    assert (found.value, found.low, found.high) == pytest.approx((0.3, 0.25, 0.35))
    assert gap(one(0.1, 0.03, down), one(0.4, 0.04, down)).value == pytest.approx(0.3)


def test_the_interval_of_the_gap_holds_zero_where_nothing_was_fitted() -> None:
    """In 95 of 100 simulations, give or take."""
    random = np.random.default_rng(0)
    counts = random.binomial(400, 0.7, (2000, 2)) / 400

    def score(share: float) -> Score:
        half = 1.96 * math.sqrt(share * (1 - share) / 400)
        return one(share, half, Direction.HIGHER_LEAKS_MORE)

    gaps = [gap(score(a), score(b)) for a, b in counts]
    covered = np.mean([found.low <= 0 <= found.high for found in gaps])
    assert 0.93 < covered < 0.97


def test_a_model_that_reads_less_on_the_reserve_is_flagged(
    make_row: MakeRow, release: Release
) -> None:
    fingerprint = header_of(release).fingerprint
    report = make_row("none", (0.8, 0.78, 0.82)).report
    report = report.model_copy(update={"fingerprint": fingerprint})
    seen = {}
    for value in (0.512, 0.79):
        ends = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 120}
        reserve = report.headline.model_copy(update=ends)
        row = published(release, received(), report, None, reserve)
        assert row.submission is not None
        assert row.submission.reserve is not None
        seen[row.submission.reserve.value] = flags([row])[row.entry_id]
    assert seen == {
        0.51: (
            "fitted to test: it reads +0.290 (+0.188 to +0.392) more there than on the reserve",
        ),
        0.79: (),
    }


def test_an_attack_fitted_to_validation_and_a_near_copy_are_flagged(
    make_row: MakeRow, release: Release
) -> None:
    fitted, honest = make_row("none", (0.6, 0.58, 0.62)), make_row("none", (0.7, 0.6, 0.8), seed=1)
    validation = [
        make_row("none", (0.8, 0.78, 0.82), split="validation", seed=seed) for seed in (0, 1)
    ]
    own = header_of(release).fingerprint
    copy = published(
        release,
        received(),
        honest.report.model_copy(update={"fingerprint": own}),
        like="b" * 32,
    )
    found = flags([fitted, honest, copy], validation)
    assert "fitted to validation: it reads +0.200" in found[fitted.entry_id][0]
    assert found[honest.entry_id] == ()
    assert found[copy.entry_id] == (f"says nearly the same as submission {'b' * 32}",)
    assert flags([honest])[honest.entry_id] == ()


# Likeness ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("track", Track)
def test_what_says_the_same_is_known_in_any_order_and_what_says_nearly_the_same_is_near(
    release: Release, track: Track
) -> None:
    random = np.random.default_rng(0)
    names = [f"{number:032x}" for number in range(300)]
    header = header_of(release, track=track)
    if track is Track.ATTRIBUTE:
        values = drawn(300)
        other, near = drawn(300, 1), np.clip(values + 0.001, 0, 1)
    else:
        images = random.integers(0, 256, (2, 300, 12, 20, 3))
        values, other = np.repeat(images, 4, axis=3).astype(np.uint8)
        near = np.clip(values.astype(int) + random.integers(-3, 4, values.shape), 0, 255)
    mine = Likeness.of(Predictions(header, names, values))
    again = Likeness.of(Predictions(header, names[::-1], values[::-1]))
    others = {
        name: Likeness.of(Predictions(header, names, found.astype(values.dtype)))
        for name, found in (("other", other), ("near", near))
    }
    assert again == mine
    assert len({mine.content, *(found.content for found in others.values())}) == 3
    samples = [(name, found.sample) for name, found in others.items()]
    assert nearest(mine.sample, samples) == "near"
    assert nearest(mine.sample, samples[:1]) is None
    assert nearest(mine.sample, [("longer", mine.sample + "00")]) is None


def test_the_same_predictions_written_in_another_way_have_one_content(
    release: Release, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    first = write_file(tmp_path / "a.parquet", release)
    table = pq.read_table(first).sort_by([("sample_id", "descending")])
    pq.write_table(table, tmp_path / "b.parquet", compression="gzip", row_group_size=7)
    files = [first, tmp_path / "b.parquet"]
    one, other = (check(release, DECLARED, file).likeness for file in files)
    assert one is not None
    assert one == other
