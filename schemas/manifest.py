"""The manifest of a release: the contract between who made it and who reads it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from .base import Record, Sha256
from .config import Config, Precision, Scale
from .errors import MissingData, SchemaMismatch
from .files import read_json, sha256_of
from .records import RecordSchema

SCHEMA_VERSION: Literal[1] = 1
Format = Literal["parquet", "webdataset"]


class Attribute(Record):
    """A labelled attribute and the names of its classes, in label order."""

    name: str
    classes: tuple[str, ...] = Field(min_length=2)


class Licence(Record):
    """The terms of the source images and whether they may be shown and passed on."""

    name: str
    redistributable: bool
    citation: str


class DatasetFacts(Record):
    """Which images: the dataset, the digest of what was read, and its terms."""

    name: str
    revision: str
    licence: Licence
    image_size: int = Field(ge=1)


class ClientFacts(Record):
    """The client network: where it is split and the shape of what it sends.

    `split_index` is the position of the split layer, from 0 and in the order of execution: among
    the blocks of a built-in network, among all operations of a network of your own.
    `initial_weights` is the SHA-256 of the file that training started from, if there was one.
    `precision` is what the network computed the released activations in.
    """

    network: str
    split_layer: str
    split_index: int = Field(ge=0)
    activation_shape: tuple[int, int, int]
    initial_weights: Sha256 | None = None
    precision: Precision = "float32"


class DefenseFacts(Record):
    """The defense, its options, and whether two queries of one image differ."""

    name: str
    options: dict[str, Any]
    randomized: bool


class SplitFacts(Record):
    """How many records, images and subjects a split holds."""

    records: int = Field(ge=0)
    images: int = Field(ge=0)
    subjects: int = Field(ge=0)


class FileFacts(Record):
    """One file of the release."""

    path: str
    bytes: int = Field(ge=0)
    sha256: Sha256

    @staticmethod
    def of(folder: Path, path: str) -> "FileFacts":
        """Measure and hash `<folder>/<path>`."""
        file = folder / path
        return FileFacts(path=path, bytes=file.stat().st_size, sha256=sha256_of(file))


class Shard(FileFacts):
    """One file of records; `content_sha256` is over the records alone, whatever the format.

    `promised` is that of the released records where these were rebuilt from a recipe, on a machine
    that rounds otherwise, and are the same within the tolerance only.
    """

    split: str
    rows: int = Field(ge=1)
    content_sha256: Sha256
    promised: Sha256 | None = Field(default=None, exclude_if=lambda promised: promised is None)


class Commitments(Record):
    """Hashes that bind the organiser to the secret and to the withheld answers."""

    secret: Sha256
    truth: Sha256


class Manifest(Record):
    """Everything that identifies a release; written last, so its presence means complete."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str
    config_id: str
    seed: int
    scale: Scale
    ranked: bool
    format: Format
    dataset: DatasetFacts
    task: Attribute
    sensitive: Attribute
    client: ClientFacts
    defense: DefenseFacts
    recompute_tolerance: float = Field(ge=0)
    splits: dict[str, SplitFacts]
    shards: tuple[Shard, ...]
    files: tuple[FileFacts, ...]
    commitments: Commitments
    fingerprint: Sha256
    versions: dict[str, str]
    config: Config

    @property
    def records(self) -> RecordSchema:
        """The Arrow typing of this release's records."""
        return RecordSchema(self.client.activation_shape, self.task.classes, self.sensitive.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and the three channels of an input image."""
        return (self.dataset.image_size, self.dataset.image_size, 3)

    @property
    def listed(self) -> tuple[FileFacts, ...]:
        """All files that the manifest vouches for, shards last."""
        return (*self.files, *self.shards)

    def file(self, path: str) -> FileFacts:
        """What the manifest says of a file that is not a shard."""
        for facts in self.files:
            if facts.path == path:
                return facts
        raise SchemaMismatch(f"the manifest of {self.name} does not list {path}")

    def shards_of(self, split: str) -> tuple[Shard, ...]:
        """The shards of a split, in record order."""
        return tuple(shard for shard in self.shards if shard.split == split)

    @classmethod
    def read(cls, release: Path) -> "Manifest":
        """Read `<release>/manifest.json`; refuses the manifest of a newer schema."""
        path = release / "manifest.json"
        if not path.is_file():
            raise MissingData(
                f"{release}: expected a release, a folder with a manifest.json; "
                "make one with `leakboard generate CONFIG.toml --out DIR`"
            )
        content = read_json(path)
        _refuse_newer(content, path)
        return cls.parse(content, str(path))


def _refuse_newer(content: Any, path: Path) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise SchemaMismatch(
            f"{path}: schema version {version} is newer than this package reads "
            f"({SCHEMA_VERSION}); upgrade with `pip install --upgrade leakboard`"
        )


def fingerprint(shards: Sequence[Shard], weights: Mapping[str, str]) -> str:
    """SHA-256 over the content alone: the records of every shard in order, and the weights.

    Of rebuilt shards those count that were promised: who rebuilds a release has the same release.
    `weights` maps each weight file's path to its SHA-256. Parquet and WebDataset copies of the
    same records have the same fingerprint; every prediction file must carry it.
    """
    content = {
        "shards": [
            [shard.split, shard.rows, shard.promised or shard.content_sha256] for shard in shards
        ],
        "weights": dict(sorted(weights.items())),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
