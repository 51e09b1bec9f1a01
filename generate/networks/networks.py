"""The networks of split inference: client f1, task network f2, proxy adversaries f3.

Legend: N batch, C H W activation channels, height, width; S image side; K classes. All networks
return logits; softmax belongs to the loss (reference: a softmax before the cross-entropy keeps
the loss above 0.31 for two classes and cripples adversaries trained that way).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torchvision.models import resnet18, resnet34
from torchvision.models.resnet import BasicBlock

from ...schemas import BadConfig, CorruptData, MissingData
from ...schemas.config import ClientTable
from .convolutions import with_matrix_products
from .own_model import cut, make_module

RESNETS: Mapping[str, Callable[..., nn.Module]] = {"resnet18": resnet18, "resnet34": resnet34}
PULL = "pull or generate the release again"


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from `seed` and leave the caller's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class Normalize(nn.Module):
    """Centre and scale [0, 1] images; part of the client, so that attacks see [0, 1] images."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, S, S) from [0, 1] to roughly unit range."""
        return (images - 0.5) / 0.25


@dataclass(frozen=True)
class SplitNetwork:
    """A network cut in two: the client's layers f1, the task network f2, and where it was cut.

    `index` is the position of the split layer in the order of execution, from 0.
    """

    client: nn.Module
    task_network: nn.Module
    index: int


def split_network(table: ClientTable, classes: int, initial: Path | None = None) -> SplitNetwork:
    """Make a network and cut it at its split layer; `initial` weights are those of the whole.

    The weights are fresh where there are none to start from. Raises `BadConfig` or `UnknownName`
    where a network of your own cannot be made or cut, `CorruptData` where the weights do not fit.
    """
    network = _made(table, classes)
    if initial is not None:
        load_weights(network, initial, "give a safetensors file of the whole network's state_dict")
    if table.is_own:
        return SplitNetwork(*cut(network, table.split_layer))
    network = with_matrix_products(network.to(memory_format=torch.channels_last))
    return _split_resnet(network, table.split_layer)


def _made(table: ClientTable, classes: int) -> nn.Module:
    return (
        make_module(table.network) if table.is_own else RESNETS[table.network](num_classes=classes)
    )


def _split_resnet(network: nn.Module, split_layer: str) -> SplitNetwork:
    """Cut a ResNet among its children, which are a chain; the client runs 0..index."""
    children = list(network.named_children())
    index = [name for name, _ in children].index(split_layer)
    stem = network.get_submodule("relu")
    assert isinstance(stem, nn.ReLU)
    stem.inplace = False  # others still read what is sent before it
    client = [("normalize", Normalize()), *children[: index + 1]]
    rest = [*children[index + 1 : -1], ("flatten", nn.Flatten()), children[-1]]
    return SplitNetwork(nn.Sequential(OrderedDict(client)), nn.Sequential(OrderedDict(rest)), index)


@torch.no_grad()
def activation_shape(network: SplitNetwork, size: int, classes: int) -> tuple[int, int, int]:
    """The shape C H W of what the client makes of an image of `size` x `size` pixels.

    Raises `BadConfig` where the network does not take such images, does not send (N, C, H, W), or
    does not answer with one logit per class of the task.
    """
    client, task_network = network.client.eval(), network.task_network.eval()
    try:
        activation = client(torch.zeros(2, 3, size, size))
        logits = task_network(activation)
    except Exception as problem:  # a network of the user's own may raise anything
        raise BadConfig(
            f"client.network cannot run on images (N, 3, {size}, {size}): {problem}"
        ) from problem
    if _shape(activation)[:1] != (2,) or len(_shape(activation)) != 4:
        raise BadConfig(
            f"client.split_layer: expected an activation (N, C, H, W), but got "
            f"{_shape(activation)} for two images; split at an earlier layer"
        )
    if _shape(logits) != (2, classes):
        raise BadConfig(
            f"client.network: expected logits (N, {classes}), one for each class of the task, but "
            f"got {_shape(logits)} for two images"
        )
    _, channels, height, width = activation.shape
    return channels, height, width


def _shape(value: object) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def load_weights(network: nn.Module, path: Path, mend: str = PULL) -> None:
    """Fill a network from a safetensors file; `CorruptData` where the two do not fit."""
    if not path.is_file():
        raise MissingData(f"{path}: the weights are missing; {mend}")
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (SafetensorError, RuntimeError, OSError) as problem:
        reason = " ".join(map(str.strip, str(problem).splitlines()[:2]))
        raise CorruptData(f"{path}: the weights cannot be read ({reason}); {mend}") from problem


def _residual(channels: int, width: int, stride: int) -> BasicBlock:
    shortcut = nn.Sequential(
        nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
    )
    return BasicBlock(channels, width, stride=stride, downsample=shortcut)


class AttributeAdversary(nn.Sequential):
    """Proxy adversary for an attribute: two residual blocks, (N, C, H, W) to (N, K) logits."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(
            _residual(channels, 128, stride=1),
            _residual(128, 256, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(256, classes),
        )


class InputAdversary(nn.Sequential):
    """Proxy adversary for the input: a decoder, (N, C, H, W) to (N, 3, S, S) in [0, 1]."""

    def __init__(self, shape: tuple[int, int, int], size: int) -> None:
        channels, height, _ = shape
        layers: list[nn.Module] = [nn.Conv2d(channels, 64, 3, padding=1), nn.ReLU()]
        while height < size:
            layers += [nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1), nn.ReLU()]
            height *= 2
        if height != size:
            layers.append(nn.Upsample(size))
        super().__init__(*layers, nn.Conv2d(64, 3, 3, padding=1), nn.Sigmoid())


class BothAdversaries(nn.Module):
    """Two proxy adversaries side by side, (N, C, H, W) to logits (N, K) and images (N, 3, S, S)."""

    def __init__(self, shape: tuple[int, int, int], size: int, classes: int) -> None:
        super().__init__()
        self.attribute = AttributeAdversary(shape[0], classes)
        self.input = InputAdversary(shape, size)

    def forward(self, activation: Tensor) -> tuple[Tensor, Tensor]:
        """Guess the attribute, and decode the image."""
        return self.attribute(activation), self.input(activation)
