"""A cell of a table: one configuration and seed, generated, attacked and scored.

A cell is a folder named after its configuration, attacks and seed, so that tables share cells;
defaults count, so that a changed default makes another cell. Which copy of the images it saw is
told by their digests. `cell.json` is written last; until then a stopped cell goes on where it was.
Of a finished cell only what was found out stays, unless its release is to be kept: what is left
fits a repository.

All cells, wherever they are made, share one published secret. Nothing is at stake in an experiment,
and so everybody has the same splits and may go on where somebody else stopped.
"""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout

from ..evaluate.attacks import REGISTRY as ATTACKS
from ..evaluate.attacks.mask_classifier import masks_differ
from ..evaluate.reading.records import read_records
from ..evaluate.run import fit_attack
from ..evaluate.scoring.scorer import score
from ..evaluate.suite.planning import Planned, by_strength
from ..generate import generate
from ..generate.defenses import REGISTRY as DEFENSES
from ..schemas import (
    Config,
    ImageValues,
    Measurements,
    Record,
    Release,
    ScoreReport,
    Secret,
    Track,
    ValuesHeader,
    default_truth,
)
from ..schemas.files import read_json, write_text
from ..schemas.records import PublicSplit
from ..schemas.statement import AttackRun
from ._images import Pixels, draw, image_values
from ._protocol import Effort
from ._values import keep_values, read_values

log = logging.getLogger(__name__)
SECRET = Secret(hashlib.sha256(b"leakboard reproduce").digest())
GENERATION = 1  # raised where the same configuration and attacks come to other numbers than before
SPLITS: tuple[PublicSplit, ...] = ("validation", "test")  # chosen on, reported on


class Cell(Record):
    """What came of a cell.

    images     the file of the test images and whose they are, which cells share
    strongest  for each track the attack chosen on validation
    seconds    what it took, or its last part where it was stopped and taken up
    """

    config: Config
    fingerprint: str
    images: str
    measurements: Measurements
    runs: tuple[AttackRun, ...]
    strongest: dict[Track, str]
    seconds: float

    def run(self, track: Track) -> AttackRun:
        """The strongest attack of a track."""
        return next(run for run in self.runs if label(run) == self.strongest[track])


def entries(folder: Path) -> Iterator[tuple[Release, ScoreReport, ImageValues | None]]:
    """Every attack of every finished cell in a folder, for a board.

    With what each test image contributes where that is kept: for the strongest attacks.
    """
    for path in sorted(folder.glob("*/cell.json")):
        cell = Cell.parse(read_json(path), str(path))
        release = Release.open(path.parent / "release")
        table = read_values(path.parent, cell.images)
        for run in cell.runs:
            for report in run.reports.values():
                strongest = label(run) == cell.strongest[report.track]
                kept = strongest and report.split == "test"
                yield release, report, _image_values(report, table) if kept else None


def _image_values(report: ScoreReport, table: pa.Table) -> ImageValues:
    header = ValuesHeader(
        fingerprint=report.fingerprint,
        split=report.split,
        attack=report.attack,
        metric=report.headline.metric,
        metric_version=report.headline.metric_version,
    )
    image, subject = (table.column(name).to_pylist() for name in ("image", "subject"))
    return ImageValues(header, image, subject, table.column(header.metric).to_numpy())


def label(run: AttackRun) -> str:
    """An attack with its options."""
    return Planned(run.attack, run.options).label


@dataclass(frozen=True)
class Cells:
    """The cells in `folder`; of several processes each works on a cell of its own.

    What their trainings have in common lies beside that folder.
    """

    folder: Path
    effort: Effort
    keep: bool

    def of(self, config: Config) -> Path:
        """The folder of a cell, named after all that decides its numbers."""
        attacks = [
            [one.name, ATTACKS.resolved(one.name, one.options)] for one in self.effort.attacks
        ]
        defense = DEFENSES.resolved(config.defense.name, config.defense.options)
        decisive = [GENERATION, config.config_id, defense, self.effort.limit, attacks]
        digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
        return self.folder / f"{config.name}-{digest}-s{config.seed}"

    def finished(self, config: Config) -> Cell | None:
        """A cell, if it is finished."""
        path = self.of(config) / "cell.json"
        return Cell.parse(read_json(path), str(path)) if path.is_file() else None

    def values(self, cell: Cell) -> pa.Table:
        """What each test image contributes, in the order of the images' digests."""
        return read_values(self.of(cell.config), cell.images)

    def versions(self, cell: Cell) -> Mapping[str, str]:
        """Of what made a cell's release."""
        return Release.open(self.of(cell.config) / "release").manifest.versions

    def pictures(self, config: Config) -> Pixels | None:
        """Images and what was rebuilt, (2, N, S, S, 3); None where they may not be shown."""
        path = self.of(config) / "pictures.npy"
        return np.load(path, allow_pickle=False) if path.is_file() else None

    def make(self, config: Config, source: str | None) -> None:
        """Generate, attack and score; what an earlier run has done is taken up.

        A cell that another process works on is left to it.
        """
        folder = self.of(config)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(f"{folder}.lock", blocking=False):
                if not self.finished(config):
                    self._make(config, source, folder)
                if not self.keep:
                    _clear(folder)
        except Timeout:
            log.info("cell %s: another process works on it", folder.name)

    def _make(self, config: Config, source: str | None, folder: Path) -> None:
        log.info("cell %s", folder.name)
        started = time.monotonic()
        release = self._release(config, source)
        runs = [_attacked(release, folder, one) for one in self._suited(release)]
        strongest = {track: label(by_strength(runs, track)[0]) for track in Track}
        paths = {track: _predictions(folder, name, "test") for track, name in strongest.items()}
        asked_often = release.manifest.defense.randomized
        averaging = _predictions(folder, _averaging(runs), "test") if asked_often else None
        images = keep_values(folder, image_values(release, paths, averaging))
        if release.manifest.dataset.licence.redistributable:
            draw(release, paths[Track.RECONSTRUCTION], folder / "pictures.npy")
        cell = Cell(
            config=config,
            fingerprint=release.manifest.fingerprint,
            images=images,
            measurements=release.measurements,
            runs=tuple(runs),
            strongest=strongest,
            seconds=time.monotonic() - started,
        )
        write_text(folder / "cell.json", cell.to_json())

    def _release(self, config: Config, source: str | None) -> Release:
        folder, secret = self.of(config) / "release", self.folder / "secret.key"
        if not folder.exists():
            write_text(secret, f"{SECRET.key.hex()}\n")
            generate(
                config,
                folder,
                source=source,
                secret=secret,
                limit=self.effort.limit,
                trainings=self.folder.with_name("trainings"),
            )
        return Release.open(folder)

    def _suited(self, release: Release) -> Iterator[Planned]:
        undefended = release.manifest.defense.name == "none"
        for one in self.effort.attacks:
            attack = ATTACKS.find(one.name)
            idle = attack.unsuited(release.manifest) or (attack.ceiling and not undefended)
            if one.name == "mask_classifier":
                idle = idle or not masks_differ(read_records(release, "auxiliary"))
            if not idle:
                yield one


def _averaging(runs: Sequence[AttackRun]) -> str:
    """The attack that averages the queries of an image."""
    return next(label(run) for run in runs if run.attack == "query_averaging")


def _predictions(folder: Path, name: str, split: PublicSplit) -> Path:
    return folder / "predictions" / f"{name}-{split}.parquet"


def _attacked(release: Release, folder: Path, one: Planned) -> AttackRun:
    path = folder / "attacks" / f"{one.label}.json"
    if path.is_file():
        return AttackRun.parse(read_json(path), str(path))
    started = time.monotonic()
    log.info("attacking with %s", one.label)
    fitted = fit_attack(release, one.name, one.options)
    files = {split: _predictions(folder, one.label, split) for split in SPLITS}
    for split, file in files.items():
        fitted.predict(split).write(file, release)
    run = AttackRun(
        attack=one.name,
        options=dict(one.options),
        seconds=time.monotonic() - started,
        predictions={},
        reports={split: score(release, file) for split, file in files.items()},
    )
    write_text(path, run.to_json())
    return run


def _clear(folder: Path) -> None:
    """Keep what was found out, with the release's manifest and measurements."""
    release = folder / "release"
    for tree in (folder / "predictions", folder / "attacks", default_truth(release)):
        shutil.rmtree(tree, ignore_errors=True)
    for path in release.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("manifest.json", "measurements.json"):
            path.unlink()
