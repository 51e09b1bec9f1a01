import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from leakboard.leaderboard import Board, enter, entry
from leakboard.schemas import (
    ChecksumMismatch,
    LeaderboardRow,
    Release,
    SchemaMismatch,
    ScoreReport,
)

MakeRow = Callable[..., LeaderboardRow]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def report(release: Release, make_row: MakeRow) -> ScoreReport:
    made = make_row("none", (0.5, 0.4, 0.6)).report
    return made.model_copy(update={"fingerprint": release.manifest.fingerprint})


def test_an_entry_joins_the_report_with_what_the_release_says(
    release: Release, report: ScoreReport
) -> None:
    row = entry(release, report, NOON)
    manifest = release.manifest
    assert row.report == report
    assert (row.config_id, row.seed, row.scale) == (manifest.config_id, manifest.seed, "smoke")
    assert (row.defense, row.split_layer, row.split_index) == ("none", "layer1", 4)
    assert (row.task, row.sensitive, row.image_size) == ("smiling", "gender", 32)
    assert row.dataset_options == {"images": 240, "identities": 60}
    assert row.cost == release.measurements.cost
    assert row.submitted == "2026-11-23T10:00:00Z"
    assert not row.verified


def test_utility_is_that_of_the_split_that_was_attacked(
    release: Release, report: ScoreReport
) -> None:
    for split in ("validation", "test"):
        row = entry(release, report.model_copy(update={"split": split}), NOON)
        assert row.utility == release.measurements.utility[split]


def test_an_entry_survives_its_file(release: Release, report: ScoreReport, tmp_path: Path) -> None:
    row = enter(tmp_path, release, report)
    path = tmp_path / "results" / f"{row.entry_id}.json"
    assert LeaderboardRow.model_validate_json(path.read_text("utf-8")) == row
    assert Board.open(tmp_path).rows() == [row]


def test_the_report_of_another_release_is_refused(release: Release, report: ScoreReport) -> None:
    foreign = report.model_copy(update={"fingerprint": "0" * 64})
    with pytest.raises(ChecksumMismatch, match="score the attack on this release"):
        entry(release, foreign, NOON)


def test_utility_that_was_not_measured_is_refused(
    release: Release, report: ScoreReport, tmp_path: Path
) -> None:
    for name in ("manifest.json", "measurements.json"):
        shutil.copy(release.folder / name, tmp_path)
    measured = release.measurements
    (tmp_path / "measurements.json").write_text(
        measured.model_copy(update={"utility": {"validation": measured.utility["test"]}}).to_json()
    )
    with pytest.raises(SchemaMismatch, match="expected the utility on 'test'"):
        entry(Release.open(tmp_path), report, NOON)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"fingerprint": "0" * 64}, False),
        ({"attack": "other"}, False),
        ({"options": {"epochs": 2}}, False),
        ({"split": "validation"}, False),
        ({"setting": "whitebox"}, False),
        ({"flags": ("attack below a trivial anchor",)}, True),
        ({"leakboard_version": "9"}, True),
    ],
)
def test_an_entry_is_known_by_what_was_attacked_and_how(
    make_row: MakeRow, change: dict[str, object], same: bool
) -> None:
    row = make_row("none", (0.5, 0.4, 0.6))
    report = ScoreReport.parse(row.report.model_dump() | change, "a changed report")
    other = row.model_copy(update={"report": report})
    assert (row.entry_id == other.entry_id) is same
