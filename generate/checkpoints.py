"""Checkpoints of a training, and warm-ups that several defenses share: safetensors, no pickle.

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

from ..schemas import CorruptData
from ..schemas.files import write_bytes
from .game import Networks
from .networks import load_weights

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
class WarmUp:
    """Client and task network after their warm-up, which knows nothing of any defense.

    Kept under a name that says all it depends on, so that who takes it up has, bit for bit, what
    training would have given.
    """

    path: Path

    @classmethod
    def of(cls, folder: Path, networks: Networks, *facts: bytes | str) -> "WarmUp":
        """Name the warm-up of these untrained networks; `facts` are whatever else it depends on."""
        digest = hashlib.sha256(f"{networks.client} {networks.task_network}".encode())
        for name, value in _warm(networks).state_dict().items():
            digest.update(name.encode() + value.contiguous().numpy().tobytes())
        for fact in (*facts, torch.__version__, str(torch.get_num_threads())):
            digest.update(fact.encode() if isinstance(fact, str) else fact)
        return cls(folder / f"{digest.hexdigest()[:32]}.safetensors")

    def load(self, networks: Networks) -> bool:
        """Take it up where somebody left it."""
        if self.path.is_file():
            load_weights(_warm(networks), self.path, "remove it to train anew")
        return self.path.is_file()

    def keep(self, networks: Networks) -> None:
        """Leave it for others."""
        weights = {name: value.contiguous() for name, value in _warm(networks).state_dict().items()}
        write_bytes(self.path, safetensors.torch.save(weights))


def _warm(networks: Networks) -> nn.Module:
    return nn.ModuleDict({"client": networks.client, "task_network": networks.task_network})


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
