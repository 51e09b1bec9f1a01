"""The networks of split inference: client f1, task network f2, proxy adversaries f3.

Legend: N batch, C H W activation channels, height, width; S image side; K classes. All networks
return logits; softmax belongs to the loss (reference: a softmax before the cross-entropy keeps
the loss above 0.31 for two classes and cripples adversaries trained that way).
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock

# Index of each split layer among the children of torchvision's ResNet; the client runs 0..index.
SPLIT_INDEX = {"relu": 2, "maxpool": 3, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


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


def split_resnet18(split_layer: str, classes: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Split a fresh ResNet-18 into the client's layers and the task network."""
    network = resnet18(num_classes=classes).to(memory_format=torch.channels_last)
    children = list(network.named_children())
    cut = SPLIT_INDEX[split_layer] + 1
    client = nn.Sequential(OrderedDict([("normalize", Normalize()), *children[:cut]]))
    rest = [*children[cut:-1], ("flatten", nn.Flatten()), children[-1]]
    return client, nn.Sequential(OrderedDict(rest))


def activation_shape(client: nn.Module, size: int) -> tuple[int, int, int]:
    """The shape C H W of what the client makes of an image of `size` x `size` pixels."""
    was_training = client.training
    with torch.no_grad():
        channels, height, width = client.eval()(torch.zeros(1, 3, size, size)).shape[1:]
    client.train(was_training)
    return channels, height, width


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
        layers += [nn.Upsample(size), nn.Conv2d(64, 3, 3, padding=1), nn.Sigmoid()]
        super().__init__(*layers)
