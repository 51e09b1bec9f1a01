"""The client as released: image → network → defense → activation, and its weights on disk."""

import json
from collections import OrderedDict
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from ..schemas import Manifest, NoBound, Release, UsageError
from ..schemas.config import Precision
from ..schemas.files import write_bytes, write_text
from . import defenses
from .defenses import Defense
from .defenses.none import NoneDefense
from .networks.networks import activation_shape, load_weights, split_network
from .noise import BatchNoise, Noise
from .training.augmentation import augment

CLIENT_FILE = "weights/client.safetensors"
TASK_FILE = "weights/task_network.safetensors"
NETWORKS_FILE = "weights/networks.json"


class Client(nn.Module):
    """Maps an image to the activation as released; differentiable, defense included.

    `augment(images, generator)` is the random flip and shift that the client was trained with.
    `task_network`, with the client of `load_client` only, maps activations to task logits (N, K).
    The layers compute in `precision`; what they give, and the defense, is float32.
    """

    task_network: nn.Module
    augment = staticmethod(augment)

    def __init__(
        self, layers: nn.Module, defense: Defense, precision: Precision = "float32"
    ) -> None:
        super().__init__()
        self.layers = layers
        self.defense = defense
        self.precision = precision

    def forward(self, images: Tensor, noise: Noise | torch.Generator | None = None) -> Tensor:
        """Map (N, 3, S, S) in [0, 1] to (N, C, H, W).

        `noise` is needed, and used, by randomised defenses only; ValueError where it is missing.
        """
        return self._released(self._encoded(images), noise)

    def ask(self, images: Tensor, image_of: Tensor, noise: Noise | torch.Generator) -> Tensor:
        """Answer queries (Q,), each about the image of that number: (Q, C, H, W).

        As `forward` does of `images[image_of]`, but an image is encoded once.
        """
        return self._released(self._encoded(images)[image_of], noise)

    def _released(self, encoded: Tensor, noise: Noise | torch.Generator | None) -> Tensor:
        if isinstance(noise, torch.Generator):
            noise = BatchNoise(len(encoded), noise)
        if noise is None and self.defense.randomized:
            raise ValueError("this defense is randomized: pass a torch.Generator as `noise`")
        released: Tensor = self.defense.release(encoded, noise)  # type: ignore[arg-type]
        return released

    def beside(self, task_network: nn.Module) -> "Client":
        """Know the task network, both in evaluation mode, without taking its weights as one's own.

        It is kept outside torch's list of submodules: a client's weights are those on the device.
        """
        self.__dict__["task_network"] = task_network.eval().requires_grad_(False)
        return self.eval().requires_grad_(False)

    def mean(self, images: Tensor) -> Tensor:
        """Map images to the activation before its Gaussian noise, with its true derivative."""
        mean: Tensor = self.defense.mean(self._encoded(images))
        return mean

    def _encoded(self, images: Tensor) -> Tensor:
        if self.precision == "float32":
            undefended: Tensor = self.layers(images)
            return undefended
        with torch.autocast(images.device.type, torch.bfloat16):
            halved: Tensor = self.layers(images)
        return halved.float()

    def at(self, layer: str) -> "Client":
        """Cut the same networks after another block: what is sent if the split were there.

        The defense stays where it is, without its Gaussian noise; `NoBound` where it is random in
        any other way. At the release's own split layer nothing changes. `UsageError` for a network
        of the user's own, whose blocks are not a chain that could be cut anywhere.
        """
        if not isinstance(self.layers, nn.Sequential):
            raise UsageError(
                f"a network of your own is measured where its release is split, not at {layer!r}; "
                "leave the layer out, or generate a release that is split there"
            )
        blocks: dict[str, nn.Module] = dict(self.layers.named_children())
        if layer == list(blocks)[-1]:
            return self
        if self.defense.noise_std is None:
            raise NoBound(
                f"the draws of {type(self.defense).__name__} cannot be held inside the network; "
                "leave the layer out to measure what is released"
            )
        blocks |= {"defense": _Mean(self.defense), **dict(self.task_network.named_children())}
        cut = list(blocks).index(layer) + 1
        before, after = list(blocks.items())[:cut], list(blocks.items())[cut:]
        client = Client(nn.Sequential(OrderedDict(before)), NoneDefense(), self.precision)
        return client.beside(nn.Sequential(OrderedDict(after)))


class _Mean(nn.Module):
    """What a defense sends before its Gaussian noise, as a block among others."""

    def __init__(self, defense: Defense) -> None:
        super().__init__()
        self.defense = defense

    def forward(self, activation: Tensor) -> Tensor:
        return self.defense.mean(activation)


def save_networks(folder: Path, client: Client, task_network: nn.Module, facts: object) -> None:
    """Write both networks' weights (safetensors) and networks.json, which says how to build them.

    networks.json comes last: its presence means that the weights are complete.
    """
    for path, network in ((CLIENT_FILE, client), (TASK_FILE, task_network)):
        tensors = {name: t.contiguous() for name, t in network.state_dict().items()}
        write_bytes(folder / path, safetensors.torch.save(tensors))
    write_text(folder / NETWORKS_FILE, json.dumps(facts, indent=2, sort_keys=True) + "\n")


def build(manifest: Manifest) -> tuple[Client, nn.Module]:
    """Make the untrained client and task network that a manifest describes."""
    classes = len(manifest.task.classes)
    network = split_network(manifest.config.client, classes)
    shape = activation_shape(network, manifest.dataset.image_size, classes)
    defense = defenses.create(manifest.defense.name, manifest.defense.options, shape)
    precision = manifest.client.precision
    return Client(defense.prepare(network.client), defense, precision), network.task_network


def load_client(release: Path, layer: str | None = None) -> Client:
    """Load the client of a release: the map from an image to its released activation.

    In evaluation mode, without parameter gradients; gradients with respect to images flow, through
    a hard mask by its straight-through surrogate. Raises `MissingData`, or `ChecksumMismatch`
    where the weights are not those of the manifest. With `layer` the network is cut elsewhere.
    """
    opened = Release.open(release)
    client, task_network = build(opened.manifest)
    load_weights(client, opened.checked(opened.manifest.file(CLIENT_FILE)))
    load_weights(task_network, opened.checked(opened.manifest.file(TASK_FILE)))
    client.beside(task_network)
    return client.at(layer) if layer else client
