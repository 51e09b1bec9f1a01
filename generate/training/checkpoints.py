"""Checkpoints of a training, and what several trainings share of it: safetensors, no pickle.

No random state is kept: all random numbers follow from the seed and the place in the training.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...schemas import CorruptData
from ...schemas.files import write_bytes
from .game import Networks

Optimizers = Mapping[str, torch.optim.Optimizer]
CHECKPOINT_FILE = "checkpoint.safetensors"
SECONDS = 60.0  # between checkpoints; writing one takes a fraction of a second


class Place(NamedTuple):
    """The next batch of a training, counted from 0; it also says how far the schedules are."""

    phase: int = 0
    epoch: int = 0
    batch: int = 0


@dataclass(frozen=True)
class Saved:
    """What a stopped run left beside its weights: its place, its tally, its optimisers' tensors."""

    place: Place
    tally: Tensor
    optimizers: Mapping[str, Tensor]

    def restore(self, optimizers: Optimizers) -> None:
        """Give each optimiser its tensors back, laid out in memory as its parameters are."""
        for name, parameter, state in _states(optimizers):
            for key, value in self.optimizers.items():
                owner, _, kind = key.rpartition("/")
                if owner == name:
                    like = parameter if value.dim() else value  # Adam's step stays where it is
                    state[kind] = torch.empty_like(like, dtype=value.dtype).copy_(value)


@dataclass
class Checkpoints:
    """Keeps the newest state of a training in `folder`, at most every so many seconds."""

    folder: Path
    seconds: float = field(default_factory=lambda: SECONDS)
    kept: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path:
        """The one file: it is replaced, never added to."""
        return self.folder / CHECKPOINT_FILE

    def load(self, networks: Networks) -> Saved | None:
        """Put the weights of an earlier run into the networks; None where there was none."""
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                place = Place(*json.loads(file.metadata()["place"]))
            tensors = safetensors.torch.load_file(self.path)
            networks.load_state_dict(_part(tensors, "networks"))
        except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as problem:
            raise CorruptData(
                f"{self.path}: the checkpoint cannot be read ({problem}); remove it to train anew"
            ) from problem
        return Saved(place, tensors["tally"], _part(tensors, "optimizers"))

    def keep(self, networks: Networks, optimizers: Optimizers, place: Place, tally: Tensor) -> None:
        """Write the state where it is time to."""
        if time.monotonic() - self.kept < self.seconds:
            return
        tensors = {f"networks/{name}": value for name, value in networks.state_dict().items()}
        for name, _, state in _states(optimizers):
            tensors |= {f"optimizers/{name}/{kind}": value for kind, value in state.items()}
        content = {name: value.contiguous() for name, value in (tensors | {"tally": tally}).items()}
        write_bytes(self.path, safetensors.torch.save(content, {"place": json.dumps(place)}))
        self.kept = time.monotonic()

    def discard(self) -> None:
        """Remove what is no longer needed: the training is finished."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class SharedWeights:
    """What a phase of the training ended with, for all whose training is the same until then.

    Kept under a name that says all it depends on, so that who takes it up has, bit for bit, what
    training would have given.
    """

    path: Path
    players: tuple[str, ...]

    @classmethod
    def of(
        cls, folder: Path, networks: Networks, players: tuple[str, ...], *facts: memoryview | str
    ) -> "SharedWeights":
        """Name what these untrained `players` become; `facts` are whatever else it depends on."""
        digest = hashlib.sha256(torch.__version__.encode())
        chosen = _chosen(networks, players)
        for name, value in chosen.state_dict().items():
            digest.update(name.encode() + value.contiguous().numpy().tobytes())
        for fact in (str(chosen), str(torch.get_num_threads()), *facts):
            digest.update(hashlib.sha256(fact.encode() if isinstance(fact, str) else fact).digest())
        return cls(folder / f"{digest.hexdigest()[:32]}.safetensors", players)

    @property
    def kept(self) -> bool:
        """Whether somebody left it."""
        return self.path.is_file()

    def load(self, networks: Networks) -> Tensor:
        """Put it into the networks; returns the tally of the last epoch."""
        try:
            tensors = safetensors.torch.load_file(self.path)
            _chosen(networks, self.players).load_state_dict(_part(tensors, "networks"))
            return tensors["tally"]
        except (SafetensorError, RuntimeError, KeyError) as problem:
            raise CorruptData(
                f"{self.path}: the shared weights cannot be read ({problem}); "
                "remove them to train anew"
            ) from problem

    def keep(self, networks: Networks, tally: Tensor) -> None:
        """Leave it for others, with the tally of the last epoch."""
        weights = _chosen(networks, self.players).state_dict()
        tensors = {f"networks/{name}": value for name, value in weights.items()} | {"tally": tally}
        content = {name: value.contiguous() for name, value in tensors.items()}
        write_bytes(self.path, safetensors.torch.save(content))


def _chosen(networks: Networks, players: tuple[str, ...]) -> nn.Module:
    return nn.ModuleDict({name: networks.get_submodule(name) for name in players})


def _states(optimizers: Optimizers) -> Iterator[tuple[str, nn.Parameter, dict[str, Any]]]:
    """Yield a name for the parameter, the parameter, and what its optimiser keeps of it."""
    for name, optimizer in optimizers.items():
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for number, parameter in enumerate(parameters):
            yield f"{name}/{number}", parameter, optimizer.state[parameter]


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}/"
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
