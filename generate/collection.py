"""Make a set of releases: one configuration each, one secret, one folder."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..schemas import Config, Manifest
from ..schemas.manifest import Format
from .datasets import within
from .effort import Effort, peak_memory
from .places import Places
from .release import generate
from .share import Share
from .training.training import workers
from .training.trainings import training_of

log = logging.getLogger(__name__)


def generate_all(
    configs: Sequence[Config],
    out: Path,
    *,
    source: str | None = None,
    truth: Path | None = None,
    secret: Path | None = None,
    limit: int | None = None,
    formats: Sequence[Format] = ("parquet",),
    share: Share | None = None,
) -> list[Path]:
    """Make `<out>/<name>-s<seed>` for each configuration; returns the public trees.

    All share one secret, `<out>/secret.key` unless it is named, and so their splits; releases of
    one seed share their warm-up, and all of the training where they differ at release alone.
    `source` may be a folder that holds a folder for each dataset. A release that is complete stays
    as it is, so that a stopped run continues. With a `share` only that part of the trainings is
    made, with all their releases. Raises as `generate` does.
    """
    trees: list[Path] = []
    efforts: list[Effort] = []
    trainings = out / (f"trainings-{share.rank}" if share else "trainings")
    for config in _part(configs, share) if share else configs:
        name = config.release_name
        withheld = truth / name if truth else None
        places = Places.of(out / name, withheld, formats)
        if _complete(places, config):
            log.info("%s is complete", out / name)
        else:
            generate(
                config,
                out / name,
                source=within(source, config.dataset.name),
                truth=withheld,
                secret=secret or out / "secret.key",
                limit=limit,
                formats=formats,
                trainings=trainings,
                tell=efforts.append,
            )
        trees += places.trees.values()
    if workers().is_main_process:
        shutil.rmtree(trainings, ignore_errors=True)
        log.info("%d releases made: %s; %s", len(efforts), sum(efforts, Effort()), peak_memory())
    return trees


def _part(configs: Sequence[Config], share: Share) -> list[Config]:
    """Take a share of the trainings: what one process trains no other has to."""
    mine = share.of(list(dict.fromkeys(map(training_of, configs))))
    return [config for config in configs if training_of(config) in mine]


def _complete(places: Places, config: Config) -> bool:
    trees = places.trees.values()
    there = all((tree / "manifest.json").is_file() for tree in trees)
    return there and all(Manifest.read(tree).config == config for tree in trees)
