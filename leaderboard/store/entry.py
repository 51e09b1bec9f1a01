"""Make a board entry from a release and the report of an attack on it."""

from datetime import UTC, datetime
from pathlib import Path

from ...schemas import (
    ChecksumMismatch,
    ImageValues,
    LeaderboardRow,
    Release,
    ScoreReport,
)
from .board import Board
from .releases import keep


def enter(
    board: Path, release: Release, report: ScoreReport, values: ImageValues | None = None
) -> LeaderboardRow:
    """Put a scored attack on the board in the folder `board`, as declared and submitted now.

    The board also keeps the release's manifest. `values`, what each image contributed, are kept
    beside the board and not in it.
    """
    row = entry(release, report, datetime.now(UTC))
    Board.open(board).add(row, values)
    keep(board, release.manifest)
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
        sealed=manifest.config.sealed,
        utility=release.utility(report.split),
        cost=release.measurements.cost,
        report=report,
    )
