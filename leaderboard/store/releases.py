"""The releases that a board is about: it keeps their manifests, which are public anyway."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...schemas import LeaderboardRow, Manifest
from ...schemas.files import read_json, write_text
from ..ranking.choice import images_of
from ..tables.table import Column
from ..text import written

DIGITS = 8  # of a fingerprint, to tell releases of one name apart


def keep(board: Path, manifest: Manifest) -> None:
    """Put the manifest of a release on the board: `<board>/releases/<fingerprint>.json`."""
    write_text(_manifest(board, manifest.fingerprint), manifest.to_json())


@dataclass(frozen=True)
class Listed:
    """A release with an entry on the board, and its manifest where the board keeps it."""

    row: LeaderboardRow
    entries: int
    manifest: Manifest | None

    @property
    def name(self) -> str:
        """The release's name."""
        return self.row.report.release

    @property
    def megabytes(self) -> float | None:
        """The size of all its files, in 10^6 bytes."""
        if self.manifest is None:
            return None
        return round(sum(file.bytes for file in self.manifest.listed) / 1e6, 1)

    def records(self, split: str) -> int | None:
        """How many records a split holds."""
        facts = self.manifest.splits.get(split) if self.manifest else None
        return facts.records if facts else None


def listed(board: Path, rows: Sequence[LeaderboardRow]) -> list[Listed]:
    """The releases that the entries are about, by name."""
    found: dict[str, list[LeaderboardRow]] = {}
    for row in rows:
        found.setdefault(row.report.fingerprint, []).append(row)
    kept = _kept(board)
    releases = [Listed(part[0], len(part), kept.get(mark)) for mark, part in found.items()]
    return sorted(releases, key=lambda release: (release.name, release.row.report.fingerprint))


def release_name(board: Path, fingerprint: str) -> str:
    """The first digits of a release's fingerprint, after its name where the board keeps it."""
    path, digits = _manifest(board, fingerprint), fingerprint[:DIGITS]
    if not path.is_file():
        return digits
    return f"{_read(path).name} ({digits})"


def _manifest(board: Path, fingerprint: str) -> Path:
    return board / "releases" / f"{fingerprint}.json"


def _kept(board: Path) -> Mapping[str, Manifest]:
    paths = sorted((board / "releases").glob("*.json"))
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> Manifest:
    return Manifest.parse(read_json(path), str(path))


def loading(release: Listed) -> str:
    """Python that loads a release from the folder it lies in, without Leakboard."""
    manifest = release.manifest
    split = ", ".join(map(str, manifest.client.activation_shape)) if manifest else "C, H, W"
    return f"""\
import numpy as np
from datasets import load_dataset

release = load_dataset({json.dumps(release.name)})  # the folder, or its repository on the Hub
record = release["auxiliary"][0]
activation = np.asarray(record["activation"], np.float16).reshape({split})
image, answer = record["input"], record["sensitive"]
"""


RELEASE_COLUMNS: tuple[Column[Listed], ...] = (
    Column("Release", "Its name, and that of its folder.", lambda one: one.name),
    Column(
        "Images",
        "Sealed: made from the organiser's secret. Open: anybody may have them.",
        lambda one: images_of(one.row),
    ),
    Column("Defense", "What changes the activation.", lambda one: one.row.defense),
    Column("Options", "The defense's options.", lambda o: written(o.row.defense_options)),
    Column("Seed", "The seed of the defense's training.", lambda one: one.row.seed),
    Column("Size (MB)", "All files together, in 10^6 bytes.", lambda one: one.megabytes),
    *(
        Column[Listed](
            f"{split.capitalize()} records",
            f"Records of the split {split}.",
            lambda one, split=split: one.records(split),  # type: ignore[misc]
        )
        for split in ("auxiliary", "validation", "test")
    ),
    Column(
        "Format",
        "Parquet or WebDataset.",
        lambda one: one.manifest.format if one.manifest else None,
    ),
    Column(
        "Licence",
        "The terms of the source images.",
        lambda one: one.manifest.dataset.licence.name if one.manifest else None,
    ),
    Column("Entries", "How many entries of the board are about it.", lambda one: one.entries),
    Column(
        "Fingerprint",
        "SHA-256 over its content; every prediction file must carry it.",
        lambda one: one.row.report.fingerprint,
    ),
)
