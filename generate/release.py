"""Make a release: train, run every image through the client, write shards, manifest last.

The tree is built as `<out>.partial` and renamed when it is complete. A run that was stopped
continues where it was: weights and shards that are there are kept, and the rest is the same bytes
as an undisturbed run's.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..schemas import (
    Config,
    Manifest,
    OutputExists,
    RecordSchema,
    Secret,
    UsageError,
    default_truth,
    fingerprint,
)
from ..schemas.commitments import COMMITMENTS_FILE
from ..schemas.files import HALF_WRITTEN, write_text
from ..schemas.manifest import Commitments, FileFacts, Format
from ..schemas.release import TruthManifest
from . import datasets, defenses
from .client import NETWORKS_FILE
from .datasets import Dataset
from .describe import WEIGHTS, balance_of, describe, finish, measure, weight_hashes
from .effort import Effort, bytes_on_disk, peak_memory
from .engine import Engine
from .plan import plan
from .recipes.recipe import has_recipe, recipe_home, write_recipe
from .share import Share
from .splits import split
from .training.players import Players, trained, untrained
from .training.training import workers
from .verification.commitments import answers_commitment, commit
from .writer import SHARD_BYTES, Writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """Where a release goes: one public tree per format, and the organiser's truth."""

    trees: Mapping[Format, Path]
    truth: Path

    @classmethod
    def of(cls, out: Path, truth: Path | None, formats: Sequence[Format]) -> "Places":
        """Parquet goes to `out`, WebDataset to `<out>-wds`, the truth to `<out>-truth`."""
        homes: dict[Format, Path] = {
            "parquet": out,
            "webdataset": out.with_name(f"{out.name}-wds"),
        }
        return cls({kind: homes[kind] for kind in formats}, truth or default_truth(out))

    @property
    def partial(self) -> dict[Format, Path]:
        """The public trees while they are being built."""
        return {k: tree.with_name(f"{tree.name}.partial") for k, tree in self.trees.items()}

    @property
    def primary(self) -> Path:
        """The tree in which the weights are written first."""
        return next(iter(self.partial.values()))

    def take_back(self) -> None:
        """Go on with a run that was stopped while it named its trees, the primary one last."""
        if not (self.primary / "manifest.json").is_file():
            return
        made = Manifest.read(self.primary).fingerprint
        for kind, tree in self.trees.items():
            named = (tree / "manifest.json").is_file() and not self.partial[kind].exists()
            if named and Manifest.read(tree).fingerprint == made:
                tree.rename(self.partial[kind])

    def refuse_existing(self) -> None:
        """Raise `OutputExists` where a release is there already: nothing is ever replaced."""
        for tree in self.trees.values():
            refuse_existing(tree)
            if recipe_home(tree).exists() and not self.primary.exists():
                raise OutputExists(f"{recipe_home(tree)} is there already; choose another --out")
        if (self.truth / "truth.json").exists() and not self.primary.exists():
            raise OutputExists(f"{self.truth} holds another release's truth; choose another --out")

    def claim(self, recipe: Mapping[str, object]) -> None:
        """Start, or continue the stopped run of the same recipe."""
        note = self.primary / "recipe.json"
        content = json.dumps(recipe, indent=2, sort_keys=True) + "\n"
        if note.exists() and note.read_text() != content:
            raise OutputExists(
                f"{self.primary} holds an unfinished release of another recipe; "
                "finish that one, or remove the folder"
            )
        if not note.exists():
            write_text(note, content)

    def publish(self) -> None:
        """Give the finished trees their names, once what stopped runs left half-written is gone."""
        for tree in (*self.partial.values(), self.truth):
            for left in tree.rglob(HALF_WRITTEN):
                left.unlink()
        for kind in reversed(list(self.trees)):
            tree = self.partial[kind]
            (tree / "recipe.json").unlink(missing_ok=True)
            if self.trees[kind].exists():
                self.trees[kind].rmdir()
            tree.rename(self.trees[kind])


def refuse_existing(tree: Path) -> None:
    """Raise `OutputExists` where a tree cannot be given its name, since something is there."""
    if (tree / "manifest.json").is_file():
        raise OutputExists(
            f"{tree} is a finished release, which stays as it is: check it with `leakboard verify "
            f"{tree}`, or choose another --out"
        )
    if tree.exists() and (not tree.is_dir() or any(tree.iterdir())):
        raise OutputExists(f"{tree} exists and is not empty; choose another --out")


def generate(
    config: Config,
    out: Path,
    *,
    source: str | None = None,
    truth: Path | None = None,
    secret: Path | None = None,
    limit: int | None = None,
    formats: Sequence[Format] = ("parquet",),
    shard_bytes: int = SHARD_BYTES,
    trainings: Path | None = None,
    share: Share | None = None,
    tell: Callable[[Effort], object] = lambda _: None,
) -> list[Path]:
    """Make the release that `config` describes; returns the folders of its public trees.

    `source` is where the images are (a Hub id, a folder, an official download); `limit` keeps
    about that many of them; releases that are made with the same folder of `trainings` share what
    is the same in them: the warm-up, and all of it where they differ at release alone. Of several
    processes that train together the main one alone makes the release, and the others return
    nothing.

    With a `share` only that part of the shards is written, and nothing returned: the first share
    trains, the others follow, and a call without a share finishes what all have written.

    Where the terms of the images forbid to pass them on, the recipe goes to `<tree>-recipe`.
    What it took goes to the log, and to `tell`.

    Raises `OutputExists`, `MissingData`, `ActivationOverflow` and the errors of the plug-ins; a
    stopped run continues when the same call is made again.
    """
    table = config.dataset
    defense = defenses.REGISTRY.create(config.defense.name, config.defense.options)
    dataset = datasets.create(table.name, source, table.size, table.options)
    for attribute in (table.task, table.sensitive):
        dataset.classes(attribute)
    places = Places.of(out, truth, formats)
    places.take_back()
    places.refuse_existing()
    made = untrained(config, dataset)
    with workers().main_process_first(), _secret(places, secret) as key:
        if config.sealed:
            dataset = dataset.sealed(key.derived("sealed", config.config_id, str(config.seed)))
        splits = split(dataset, table.name, key, limit)
        places.claim(
            {
                "config": config.model_dump(mode="json"),
                "dataset": dataset.revision,
                "client": made.facts.model_dump(mode="json"),
                "limit": limit,
                "formats": list(formats),
                "secret": key.commitment(),
                "shard_bytes": shard_bytes,
            }
        )
    if share and share.rank:
        _refuse_untrained(places, share)
    started = time.perf_counter()
    players = trained(places.primary, config, dataset, splits["defender"], made, trainings)
    if not workers().is_main_process:
        return []
    had_trained = time.perf_counter()
    engine = _engine(config, dataset, players)
    records = plan(dataset, splits, config, key, defense.randomized)
    writer = Writer(engine, places.partial, places.truth, shard_bytes)
    slices = writer.slices(records)
    written = writer.write(share.of(slices) if share else slices)
    if share:
        return []
    shards = {kind: [one.shards[kind] for one in written if kind in one.shards] for kind in formats}

    weights = weight_hashes(places.primary)
    identity = fingerprint(shards[formats[0]], weights)
    commitments = _seal(places.truth, key, identity)
    hidden = commit(places.truth, engine.schema, identity, _salt(key, identity))
    measured = measure(records, written, engine, players)
    balance = balance_of(records, dataset, (table.task, table.sensitive))
    for kind, tree in places.partial.items():
        _share_weights(places.primary, tree)
        write_text(tree / COMMITMENTS_FILE, hidden.to_json())
        manifest = describe(
            config, engine, players.facts, kind, shards[kind], records, commitments, weights
        )
        finish(tree, manifest, measured, balance)
        if has_recipe(manifest):
            write_recipe(tree, recipe_home(places.trees[kind]), records, dataset)
    places.publish()
    took = Effort(
        records=sum(one.made for one in written),
        bytes=bytes_on_disk(*places.trees.values(), places.truth),
        training=had_trained - started,
        writing=time.perf_counter() - had_trained,
    )
    log.info("%s: %s; %s", out, took, peak_memory())
    tell(took)
    return list(places.trees.values())


@contextmanager
def _secret(places: Places, chosen: Path | None) -> Iterator[Secret]:
    """Read the secret; one that is made here is gone again where nothing could be begun with it.

    A file that was chosen stays: other releases may have been begun with it.
    """
    path = chosen or places.truth / "secret.key"
    made = chosen is None and not path.exists()
    try:
        yield Secret.read_or_make(path)
    except BaseException:
        if made:
            path.unlink(missing_ok=True)
            if not any(places.truth.iterdir()):
                places.truth.rmdir()
        raise


def _refuse_untrained(places: Places, share: Share) -> None:
    if not (places.primary / NETWORKS_FILE).is_file():
        raise UsageError(
            f"{places.primary}: rank {share.rank} of {share.world} expected trained networks, but "
            "there are none; run rank 0 first, which trains them"
        )


def _engine(config: Config, dataset: Dataset, players: Players) -> Engine:
    table = config.dataset
    schema = RecordSchema(
        players.client.defense.shape,
        dataset.classes(table.task),
        dataset.classes(table.sensitive),
    )
    return Engine(
        dataset, table.task, table.sensitive, players.client, players.task_network, schema
    )


def _seal(truth: Path, key: Secret, release: str) -> Commitments:
    """Write truth.json and commit to the secret and to the files of the withheld answers."""
    facts = tuple(FileFacts.of(truth, path.name) for path in sorted(truth.glob("*.parquet")))
    salt = _salt(key, release).key.hex()
    manifest = TruthManifest(fingerprint=release, files=facts, salt=salt)
    write_text(truth / "truth.json", manifest.to_json())
    return Commitments(secret=key.commitment(), truth=answers_commitment(truth, key))


def _salt(key: Secret, release: str) -> Secret:
    """What salts the commitments of one release; it can be told without telling the secret."""
    return key.derived("salt", release)


def _share_weights(primary: Path, tree: Path) -> None:
    if tree != primary:
        (tree / "weights").mkdir(parents=True, exist_ok=True)
        for path in (NETWORKS_FILE, *WEIGHTS):
            shutil.copyfile(primary / path, tree / path)
