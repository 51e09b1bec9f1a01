"""Expert filters: separately trained DISCO filters on one client and task network (section 4)."""

from pathlib import Path
from typing import Annotated, Literal

import safetensors.torch
from pydantic import Field
from torch import Tensor, nn

from ...schemas import BadConfig, ChecksumMismatch, MissingData, Record
from ...schemas.files import sha256_of
from ..noise import Noise
from . import Defense
from ._filters import FilterKind, filter_generator, hard_mask, normalized, pruned_channels

CLIENT, FILTER = "layers.", "defense.filter_generator."  # as they are named in client.safetensors


class Expert(Record):
    """The weights/client.safetensors of a `disco` release that left its client as it was."""

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ExpertFilters(Defense):
    """Send the activation that a bank of filters lets through; nothing is trained.

    `combine="any"` prunes a channel that any expert prunes, each of them floor(ratio · C);
    `"sum"` prunes the floor(ratio · C) channels with the lowest sums of the experts' scores. The
    ratio need not be the one that an expert was trained with.

    The experts are releases of `disco` with `frozen = "pair"` and this release's seed, secret,
    dataset, network and warm-up; training.epochs is 0 here.
    """

    frozen = "pair"

    def __init__(
        self,
        *,
        experts: Annotated[tuple[Expert, ...], Field(min_length=1)],
        ratio: Annotated[float, Field(ge=0, lt=1)],
        combine: Literal["any", "sum"] = "any",
        filter: FilterKind = "light",
    ) -> None:
        super().__init__()
        self.sources = experts
        self.ratio = ratio
        self.combine = combine
        self.filter = filter

    @property
    def learns(self) -> bool:
        """The experts have learnt elsewhere."""
        return False

    def build(self, shape: tuple[int, int, int]) -> None:
        """Make a filter generator per expert; their weights come in `finish`."""
        super().build(shape)
        bank = (filter_generator(self.filter, shape[0]) for _ in self.sources)
        self.experts = nn.ModuleList(bank).requires_grad_(requires_grad=False)

    def finish(self, layers: nn.Module) -> None:
        """Load the experts; raises where one is missing, another file, or of another client."""
        for source, expert in zip(self.sources, self.experts, strict=True):
            _load(source, expert, layers)

    def masks(self, activation: Tensor) -> Tensor:
        """The binary filter (N, C) of all experts together."""
        scores = [normalized(expert(activation)) for expert in self.experts]
        pruned = pruned_channels(self.ratio, activation.shape[1])
        if self.combine == "sum":
            return hard_mask(sum(scores[1:], scores[0]), pruned)
        mask = hard_mask(scores[0], pruned)
        for others in scores[1:]:
            mask = mask * hard_mask(others, pruned)
        return mask

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Set the pruned channels of (N, C, H, W) to exactly zero."""
        return activation * self.masks(activation.detach())[:, :, None, None]

    def train(self, mode: bool = True) -> "ExpertFilters":
        """Stay in evaluation: what an expert learnt of its inputs' statistics stays too."""
        return super().train(mode=False)


def _load(source: Expert, expert: nn.Module, layers: nn.Module) -> None:
    path = Path(source.file)
    if not path.is_file():
        raise MissingData(f"{path}: the expert's weights are missing; generate its release first")
    if sha256_of(path) != source.sha256:
        raise ChecksumMismatch(
            f"{path}: expected the SHA-256 {source.sha256[:12]}…, but got {sha256_of(path)[:12]}…; "
            "name the file that was meant, or its own hash"
        )
    tensors = safetensors.torch.load_file(path)
    own = {f"{CLIENT}{name}": value for name, value in layers.state_dict().items()}
    if any(name not in tensors or not value.equal(tensors[name]) for name, value in own.items()):
        raise BadConfig(
            f"{path}: this expert was trained on another client; train it with frozen = 'pair' and "
            "this configuration's seed, secret, dataset, network and warm-up"
        )
    weights = {n.removeprefix(FILTER): v for n, v in tensors.items() if n.startswith(FILTER)}
    try:
        expert.load_state_dict(weights)
    except RuntimeError as problem:
        raise BadConfig(
            f"{path}: expected the weights of a disco filter of this kind; set defense.filter to "
            "the expert's own"
        ) from problem
