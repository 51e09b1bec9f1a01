"""Make a board entry from a release and the report of an attack on it."""

from datetime import UTC, datetime
from pathlib import Path

from ..schemas import ChecksumMismatch, LeaderboardRow, Release, SchemaMismatch, ScoreReport
from .store import Board


def enter(board: Path, release: Release, report: ScoreReport) -> LeaderboardRow:
    """Put a scored attack on the board in the folder `board`, as declared and submitted now."""
    row = entry(release, report, datetime.now(UTC))
    Board.open(board).add(row)
    return row


def entry(
    release: Release, report: ScoreReport, submitted: datetime, verified: bool = False
) -> LeaderboardRow:
    """Join an attack's report with what its release says of itself.

    `submitted` is an aware time. Raises `ChecksumMismatch` for the report of another release,
    `SchemaMismatch` where utility was not measured on the split of the report.
    """
    manifest = release.manifest
    if report.fingerprint != manifest.fingerprint:
        raise ChecksumMismatch(
            f"the report is about the release {report.fingerprint[:12]}…, but {release.folder} is "
            f"{manifest.fingerprint[:12]}…; score the attack on this release"
        )
    measured = release.measurements
    if report.split not in measured.utility:
        raise SchemaMismatch(
            f"{release.folder / 'measurements.json'}: expected the utility on {report.split!r}, "
            f"but it has {sorted(measured.utility)}; generate the release again"
        )
    return LeaderboardRow(
        submitted=submitted.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        verified=verified,
        dataset=manifest.dataset.name,
        dataset_options=manifest.config.dataset.options,
        task=manifest.task.name,
        sensitive=manifest.sensitive.name,
        image_size=manifest.dataset.image_size,
        network=manifest.client.network,
        split_layer=manifest.client.split_layer,
        split_index=manifest.client.split_index,
        defense=manifest.defense.name,
        defense_options=manifest.defense.options,
        config=manifest.name,
        config_id=manifest.config_id,
        seed=manifest.seed,
        scale=manifest.scale,
        ranked=manifest.ranked,
        utility=measured.utility[report.split],
        cost=measured.cost,
        report=report,
    )
