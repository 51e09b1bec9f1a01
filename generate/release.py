"""Make a release: train, run every image through the client, write shards, manifest last.

The tree is built as `<out>.partial` and renamed when it is complete. A run that was stopped
continues where it was: weights and shards that are there are kept, and the rest is the same bytes
as an undisturbed run's.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..schemas import (
    Config,
    RecordSchema,
    Secret,
    UsageError,
    fingerprint,
)
from ..schemas.commitments import COMMITMENTS_FILE
from ..schemas.files import write_text
from ..schemas.manifest import Commitments, FileFacts, Format
from ..schemas.release import TruthManifest
from . import datasets, defenses
from .client import NETWORKS_FILE
from .datasets import Dataset
from .describe import WEIGHTS, Planned, balance_of, describe, finish, measure, weight_hashes
from .effort import Effort, bytes_on_disk, peak_memory
from .engine import Engine
from .places import Places
from .plan import plan
from .recipes.recipe import has_recipe, recipe_home, write_recipe
from .share import Share
from .splits import Rows, split
from .training.players import Players, Untrained, trained, untrained
from .training.training import workers
from .verification.commitments import answers_commitment, commit
from .writer import SHARD_BYTES, Writer, Written

log = logging.getLogger(__name__)


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
    places = Places.of(out, truth, formats)
    begun = _begin(config, source, places, secret, limit, shard_bytes)
    if share and share.rank:
        _refuse_untrained(places, share)
    started = time.perf_counter()
    players = trained(
        places.primary, config, begun.dataset, begun.splits["defender"], begun.networks, trainings
    )
    if not workers().is_main_process:
        return []
    had_trained = time.perf_counter()
    engine = _engine(config, begun.dataset, players)
    records = plan(begun.dataset, begun.splits, config, begun.key, engine.client.defense.randomized)
    writer = Writer(engine, places.partial, places.truth, shard_bytes)
    slices = writer.slices(records)
    written = writer.write(share.of(slices) if share else slices)
    if share:
        return []
    _complete(begun, engine, players, records, written)
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


@dataclass(frozen=True)
class Begun:
    """A release that was begun: its folders, secret, images, splits and untrained networks."""

    config: Config
    places: Places
    key: Secret
    dataset: Dataset
    splits: Mapping[str, Rows]
    networks: Untrained


def _begin(
    config: Config,
    source: str | None,
    places: Places,
    secret: Path | None,
    limit: int | None,
    shard_bytes: int,
) -> Begun:
    """Open the images, make the networks and claim the folders, or raise what is in the way."""
    table = config.dataset
    # Before any image is opened: a misspelt option is told at once.
    defenses.REGISTRY.create(config.defense.name, config.defense.options)
    dataset = datasets.create(table.name, source, table.size, table.options)
    for attribute in (table.task, table.sensitive):
        dataset.classes(attribute)
    places.take_back()
    places.refuse_existing()
    networks = untrained(config, dataset)
    with workers().main_process_first(), _secret(places, secret) as key:
        if config.sealed:
            dataset = dataset.sealed(key.derived("sealed", config.config_id, str(config.seed)))
        splits = split(dataset, table.name, key, limit)
        places.claim(
            {
                "config": config.model_dump(mode="json"),
                "dataset": dataset.revision,
                "client": networks.facts.model_dump(mode="json"),
                "limit": limit,
                "formats": list(places.trees),
                "secret": key.commitment(),
                "shard_bytes": shard_bytes,
            }
        )
    return Begun(config, places, key, dataset, splits, networks)


def _complete(
    begun: Begun, engine: Engine, players: Players, records: Planned, written: Sequence[Written]
) -> None:
    """Commit to the answers and describe every tree, its manifest last."""
    places, key = begun.places, begun.key
    shards = {
        kind: [one.shards[kind] for one in written if kind in one.shards] for kind in places.trees
    }
    weights = weight_hashes(places.primary)
    identity = fingerprint(next(iter(shards.values())), weights)
    commitments = _seal(places.truth, key, identity)
    hidden = commit(places.truth, engine.schema, identity, _salt(key, identity))
    measured = measure(records, written, engine, players)
    balance = balance_of(records, begun.dataset, (engine.task, engine.sensitive))
    for kind, tree in places.partial.items():
        _share_weights(places.primary, tree)
        write_text(tree / COMMITMENTS_FILE, hidden.to_json())
        manifest = describe(
            begun.config, engine, players.facts, kind, shards[kind], records, commitments, weights
        )
        finish(tree, manifest, measured, balance)
        if has_recipe(manifest):
            write_recipe(tree, recipe_home(places.trees[kind]), records, begun.dataset)


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
