"""`leakboard demo`: the whole loop on synthetic faces, minutes on a laptop CPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click

from ..schemas import (
    Config,
    CorruptData,
    Manifest,
    OutputExists,
    Predictions,
    Release,
    ReleaseBounds,
    ScoreReport,
    Track,
    Utility,
    read_predictions,
)
from ..schemas.files import HALF_WRITTEN, write_text
from ..schemas.records import PublicSplit
from .output import columns, interval

CONFIGS = ("synthetic-none", "synthetic-gaussian-noise", "synthetic-disco")
ATTACKS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("prior", {}),
    ("nearest_neighbour", {}),
    ("attribute_classifier", {}),
    ("prior", {"track": "reconstruction"}),
    ("nearest_neighbour", {"track": "reconstruction"}),
    ("decoder", {}),
)
SPLITS: tuple[PublicSplit, ...] = ("validation", "test")
FLOORS: Mapping[str, Mapping[str, Any]] = {"fisher": {}, "hcr": {}}
BOUNDED = 32  # images with a floor, where the defense adds Gaussian noise
TABLE_FILE = "table.txt"  # written last: what has it is finished
MADE = {"releases", "predictions", "board", "board-withheld", "secret.key", TABLE_FILE}
LATER = {"board-submissions"}  # where somebody made it a board that takes submissions


@dataclass(frozen=True)
class Attacked:
    """A release and the reports of all attacks on it, on validation and on test."""

    release: Release
    validation: Sequence[ScoreReport]
    test: Sequence[ScoreReport]

    def strongest(self, track: Track) -> ScoreReport:
        """The attack that leads on validation, as it does on test."""
        pairs = zip(self.validation, self.test, strict=True)
        of_track = [(a.headline.value, b) for a, b in pairs if a.track is track]
        return max(of_track, key=lambda pair: pair[0])[1]


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    help="Folder for releases, predictions and the board.",
)
@click.option("--serve", "open_board", is_flag=True, help="Open the board afterwards.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
def demo(out: Path, open_board: bool, port: int) -> None:
    """Train three defenses on synthetic faces, attack them, and print what leaks.

    No data and no network are needed. The same command continues a demo that was stopped, and
    shows a finished one again; remove its folder for another.
    """
    board, ended = out / "board", out / TABLE_FILE
    _claim(out)
    if ended.is_file():
        click.echo(f"{out} holds a finished demo; remove it for another", err=True)
    else:
        attacked = [_attack_all(_make(name, out), out) for name in CONFIGS]
        write_text(ended, f"{table(attacked)}\n")
    click.echo(ended.read_text("utf-8"))
    click.echo(f"Open the board with `leakboard serve --board {board}`.")
    if open_board:
        from ..leaderboard import serve

        serve(board, port)


def _claim(out: Path) -> None:
    """Begin a demo, or take up the one that is there; `OutputExists` where something else is."""
    if out.exists() and not (out.is_dir() and _names(out) <= MADE | LATER):
        raise OutputExists(f"{out} holds no demo, but something else; choose another --out")
    for name in CONFIGS:
        made = out / "releases" / name
        if (made / "manifest.json").is_file() and Manifest.read(made).config != _config(name):
            raise OutputExists(f"{out} holds the demo of another version; remove it for this one's")
    (out / "releases").mkdir(parents=True, exist_ok=True)


def _names(folder: Path) -> set[str]:
    half_written = {path.name for path in folder.glob(HALF_WRITTEN)}
    return {path.name for path in folder.iterdir()} - half_written


def _config(name: str) -> Config:
    with as_file(files(f"{__package__.rpartition('.')[0]}.configs") / f"{name}.toml") as path:
        return Config.read(path)


def _make(name: str, out: Path) -> Release:
    from ..generate import generate, verify

    folder = out / "releases" / name
    if not (folder / "manifest.json").is_file():
        click.echo(f"{name}: training and writing", err=True)
        generate(_config(name), folder, secret=out / "secret.key")
    problems = verify(folder)
    if problems:
        raise CorruptData(f"{folder}: {problems[0].file} {problems[0].problem}")
    return Release.open(folder)


def _attack_all(release: Release, out: Path) -> Attacked:
    from ..evaluate import measure_bounds, write_gallery

    bounds = {split: measure_bounds(release, FLOORS, BOUNDED, split) for split in SPLITS}
    attacked: dict[str, list[ScoreReport]] = {split: [] for split in SPLITS}
    rebuilt: list[Predictions] = []
    for name, options in ATTACKS:
        paths = _predictions(release, name, options, out)
        for split, path in paths.items():
            attacked[split].append(_enter(release, path, bounds[split], out))
        if attacked["validation"][-1].track is Track.RECONSTRUCTION:
            rebuilt.append(read_predictions(paths["validation"], release.manifest))
    write_gallery(out / "board", release, rebuilt)
    return Attacked(release, **attacked)


def _predictions(
    release: Release, name: str, options: Mapping[str, Any], out: Path
) -> Mapping[PublicSplit, Path]:
    """The prediction file of each split: of an earlier run, or of an attack that is trained now."""
    from ..evaluate import fit_attack
    from ..evaluate.attacks import REGISTRY

    track = REGISTRY.create(name, options).track
    folder = out / "predictions" / release.folder.name
    paths = {split: folder / f"{name}-{track}-{split}.parquet" for split in SPLITS}
    if not all(path.is_file() for path in paths.values()):
        click.echo(f"{release.folder.name}: attacking with {name}", err=True)
        fitted = fit_attack(release, name, options)
        for split, path in paths.items():
            fitted.predict(split).write(path, release)
    return paths


def _enter(release: Release, path: Path, bounds: ReleaseBounds, out: Path) -> ScoreReport:
    from ..evaluate import scored
    from ..leaderboard import enter

    result = scored(release, path, bounds=bounds)
    enter(out / "board", release, result.report, result.values)
    return result.report


def table(attacked: Sequence[Attacked]) -> str:
    """One line per defense with its strongest attacks, then the trivial anchors."""
    attribute, rebuilt = Track.ATTRIBUTE, Track.RECONSTRUCTION
    undefended = attacked[0]
    manifest = undefended.release.manifest
    n = undefended.strongest(attribute).headline.n
    rows = [["defense", "utility", "attribute leakage", "by", "reconstruction leakage", "by"]]
    rows += [_line(one) for one in attacked]
    rows += _anchors(undefended.strongest(attribute), column=2)
    rows += _anchors(undefended.strongest(rebuilt), column=4)
    facts = (
        f"\n{manifest.dataset.name} faces, task {manifest.task.name}, sensitive "
        f"{manifest.sensitive.name}, split {manifest.client.split_layer}, test split "
        f"(n = {n}), one seed, {manifest.scale} scale.\n"
        "Utility: task accuracy ↑. Attribute leakage: top-1, ↑ leaks more. Reconstruction leakage:"
        " SSIM, ↑ leaks more.\nIn brackets 95 % intervals over subjects; the strongest attack was"
        " chosen on validation.\n"
    )
    return "\n".join([facts, columns(rows)])


def _line(one: Attacked) -> list[str]:
    cells = [one.release.manifest.defense.name, _utility(one.release.measurements.utility["test"])]
    for track in Track:
        report = one.strongest(track)
        cells += [interval(report.headline), report.attack]
    return cells


def _anchors(report: ScoreReport, column: int) -> list[list[str]]:
    lines = []
    for name, scores in report.anchors.items():
        line = [f"anchor: {name}", "", "", "", "", ""]
        line[column] = interval(scores[report.headline.metric])
        lines.append(line)
    return lines


def _utility(utility: Utility) -> str:
    return f"{utility.value:.3f} ({utility.low:.3f} to {utility.high:.3f})"
