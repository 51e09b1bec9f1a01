"""A configuration: the recipe of one release, one TOML file."""

import hashlib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_serializer, model_validator
from pydantic_core import PydanticKnownError

from .base import Record
from .errors import BadConfig, MissingData, nearest

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Scale = Literal["smoke", "reduced", "paper"]
Precision = Literal["float32", "bfloat16"]
BLOCKS = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
SPLIT_LAYERS = {"resnet18": BLOCKS, "resnet34": BLOCKS}


class PluginTable(Record):
    """A table `name = …` plus the options of that plug-in, as in `[defense]`."""

    name: str
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, table: Any) -> Any:
        if not isinstance(table, dict) or isinstance(table.get("options"), dict):
            return table
        own = {key: table[key] for key in cls.model_fields if key in table and key != "options"}
        return own | {"options": {key: table[key] for key in table if key not in own}}

    @model_serializer(mode="plain")
    def _flat(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in type(self).model_fields if key != "options"}
        return own | dict(sorted(self.options.items()))


class DatasetTable(PluginTable):
    """Which images, which two attributes, and at which side length in pixels."""

    task: str
    sensitive: str
    size: int = Field(ge=8, le=512)


class ClientTable(Record):
    """The network that is split, and the last block that runs on the device.

    `network` is a built-in by name or your own by its object path, a torch module class or a
    function that returns a module; `split_layer` is then the name of any of its submodules.
    `weights` is a safetensors file of the whole network, from which training starts. `precision` is
    what the client computes its released activations in, the defense always in float32.
    """

    network: str = "resnet18"
    split_layer: str = "layer1"
    weights: str | None = Field(default=None, exclude_if=lambda path: path is None)
    precision: Precision = Field(default="float32", exclude_if=lambda format: format == "float32")

    @property
    def is_own(self) -> bool:
        """Whether the network is named by an object path."""
        return ":" in self.network

    @field_validator("network")
    @classmethod
    def _network_is_known(cls, network: str) -> str:
        if ":" in network or network in SPLIT_LAYERS:
            return network
        expected = f"{_listed(SPLIT_LAYERS)} or an object path 'my_package.my_models:make_net'"
        raise PydanticKnownError("literal_error", {"expected": expected})

    @field_validator("split_layer")
    @classmethod
    def _split_layer_is_known(cls, split_layer: str, info: ValidationInfo) -> str:
        known = SPLIT_LAYERS.get(info.data.get("network", ""))
        if known is None or split_layer in known:
            return split_layer
        raise PydanticKnownError("literal_error", {"expected": _listed(known)})


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


Unless0 = Field(default=0, ge=0, exclude_if=lambda steps: steps == 0)


class TrainingTable(Record):
    """Two phases: utility alone for `warmup_epochs`, then the defense's objective for `epochs`.

    Client and task network follow SGD on one cycle, whose peak is `learning_rate` in the first
    phase and `defense_learning_rate` in the second; what a defense itself learns and the proxy
    adversary follow Adam. A proxy adversary learns alone for `adversary_warmup_steps` before the
    second phase, and for `adversary_steps` more before each of its batches. It starts afresh
    `adversary_restarts` times in that phase, evenly spread, each time with the steps alone.
    """

    warmup_epochs: int = Field(ge=0)
    epochs: int = Field(ge=0)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=0.1, gt=0)
    defense_learning_rate: float = Field(default=0.02, gt=0)
    precision: Precision = "float32"
    adversary_warmup_steps: int = Unless0
    adversary_steps: int = Unless0
    adversary_restarts: int = Unless0

    @model_validator(mode="after")
    def _restarts_fit(self) -> Self:
        if self.adversary_restarts and self.adversary_restarts >= self.epochs:
            raise ValueError(
                f"adversary_restarts must be fewer than the {self.epochs} epochs, "
                f"but got {self.adversary_restarts}"
            )
        return self


class Config(Record):
    """The recipe of one release; releases that differ in the seed alone share `config_id`.

    `sealed`: its images are made from the organiser's secret, for this release alone.
    """

    name: Name
    scale: Scale
    ranked: bool = True
    sealed: bool = Field(default=False, exclude_if=lambda sealed: not sealed)
    seed: int = Field(default=0, ge=0, lt=2**31)
    dataset: DatasetTable
    client: ClientTable = ClientTable()
    defense: PluginTable
    training: TrainingTable

    @property
    def config_id(self) -> str:
        """Sixteen hexadecimal digits over everything except the seed and the name."""
        recipe = self.model_dump(mode="json", exclude={"seed", "name"})
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def release_name(self) -> str:
        """The name of the release this makes: configuration and seed."""
        return f"{self.name}-s{self.seed}"

    @classmethod
    def read(cls, path: Path, changes: tuple[str, ...] = ()) -> Self:
        """Read a TOML file and apply `key=value` changes; `BadConfig` names every problem."""
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except (FileNotFoundError, IsADirectoryError):
            raise MissingData(
                f"{path}: there is no such configuration file; {_beside(path)}"
            ) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
            raise BadConfig(f"{path} is not a TOML file: {problem}") from None
        for change in changes:
            _apply(content, change)
        return cls.parse(content, str(path), BadConfig)


def _beside(path: Path) -> str:
    """What may have been meant: the nearest of the recipes in the same folder."""
    names = [file.name for file in path.parent.glob("*.toml")]
    return nearest(path.name, names) if names else f"{path.parent} holds no *.toml"


def read_configs(path: Path, changes: tuple[str, ...] = ()) -> list[Config]:
    """Read a TOML file, or every one in a folder, in the order of their names.

    Raises `MissingData` where there is none, `BadConfig` where two make one release.
    """
    if not path.is_dir():
        return [Config.read(path, changes)]
    configs = [Config.read(file, changes) for file in sorted(path.glob("*.toml"))]
    if not configs:
        raise MissingData(f"{path}: expected a folder of configuration files *.toml, found none")
    names = [config.release_name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise BadConfig(f"{path}: two configuration files make {name}; give one another seed")
    return configs


def parse_assignment(change: str) -> tuple[str, Any]:
    """Split `key=value`; the value is read as TOML, and as plain text where it is not TOML.

    >>> parse_assignment("defense.ratio=0.9"), parse_assignment("track=attribute")
    (('defense.ratio', 0.9), ('track', 'attribute'))
    """
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise BadConfig(f"--set takes key=value, but got {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    return key.strip(), value


def _apply(content: dict[str, Any], change: str) -> None:
    key, value = parse_assignment(change)
    *tables, last = key.split(".")
    for name in tables:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            raise BadConfig(f"--set {change}: {name!r} is not a table")
    content[last] = value
