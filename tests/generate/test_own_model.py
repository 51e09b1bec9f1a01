"""A user's own network: cut cleanly at a submodule, or refused; released and rebuilt by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import mobilenet_v3_small, resnet18, squeezenet1_1

from leakboard.evaluate import fit_attack, score
from leakboard.generate import generate, load_client, recompute, verify
from leakboard.generate.datasets import decode
from leakboard.generate.engine import to_unit_range
from leakboard.generate.networks.networks import activation_shape, split_network
from leakboard.schemas import BadConfig, Config, CorruptData, MissingData, Release, UnknownName
from leakboard.schemas.config import ClientTable
from leakboard.schemas.records import vectors_to_numpy

from ..tiny import RECIPE


class Block(nn.Module):
    """A convolution with a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, values: Tensor) -> Tensor:
        return values + torch.relu(self.norm(self.conv(values)))


class Net(nn.Module):
    """What users write: the module normalises, flattens with `view`, and ends in logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.first = Block()
        self.second = Block()
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(8 * 16 * 16, 2)

    def forward(self, images: Tensor) -> Tensor:
        values = self.second(self.first(torch.relu(self.stem((images - 0.5) / 0.5))))
        flat: Tensor = self.head(self.drop(values).view(-1, 8 * 16 * 16))
        return flat


class Skip(Net):
    """The stem's output is used again behind the first block."""

    def forward(self, images: Tensor) -> Tensor:
        stem = self.stem(images)
        flat: Tensor = self.head((stem + self.first(stem)).flatten(1))
        return flat


class Twice(Net):
    """The first block is called again, and the second never."""

    def forward(self, images: Tensor) -> Tensor:
        flat: Tensor = self.head(self.first(self.first(self.stem(images))).flatten(1))
        return flat


class Shared(Net):
    """The second block has the first one's convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.second.conv = self.first.conv


class Branching(Net):
    """The way through depends on the values."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images if images.mean() > 0 else -images)


class Switching(Net):
    """The way through depends on the mode."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(functional.dropout(images, training=self.training))


class TwoInputs(Net):
    """Images alone are not enough."""

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(images)


class NeedsDepth(Net):
    """The class needs an argument."""

    def __init__(self, depth: int) -> None:
        super().__init__()


def squeezenet() -> nn.Module:
    network: nn.Module = squeezenet1_1(num_classes=2)
    return network


def mobilenet() -> nn.Module:
    network: nn.Module = mobilenet_v3_small(num_classes=2)
    return network


def resnet() -> nn.Module:
    network: nn.Module = resnet18(num_classes=2)
    return network


def broken() -> nn.Module:
    raise RuntimeError("the disk\nis not there")


def without_annotation():  # type: ignore[no-untyped-def]
    pytest.fail("a release can name any function: this one must not be called")


def table(name: str, split_layer: str, weights: Path | None = None) -> ClientTable:
    path = str(weights) if weights else None
    return ClientTable(network=f"{__name__}:{name}", split_layer=split_layer, weights=path)


CUTS: list[tuple[Callable[[], nn.Module], str]] = [
    (Net, "stem"),
    (Net, "first"),
    (Net, "second"),
    (Net, "head"),
    (squeezenet, "features.5"),
    (mobilenet, "features.2"),
    (mobilenet, "features.2.block.0"),
    (resnet, "layer1"),
]
each_cut = pytest.mark.parametrize(
    ("maker", "layer"), CUTS, ids=lambda value: getattr(value, "__name__", value)
)


def split(maker: Callable[[], nn.Module], layer: str, folder: Path) -> tuple[nn.Module, Any]:
    whole = maker()
    weights = folder / "whole.safetensors"
    safetensors.torch.save_file(whole.state_dict(), weights)
    return whole, split_network(table(maker.__name__, layer), 2, weights)


@each_cut
def test_the_two_parts_are_the_whole(
    maker: Callable[[], nn.Module], layer: str, tmp_path: Path
) -> None:
    whole, parts = split(maker, layer, tmp_path)
    images = torch.rand(3, 3, 32, 32).to(memory_format=torch.channels_last)
    sent: list[Tensor] = []
    whole.get_submodule(layer).register_forward_hook(lambda *call: sent.append(call[2]))
    answer = whole.eval()(images.contiguous())
    activation = parts.client.eval()(images)
    torch.testing.assert_close(activation, sent[0])
    torch.testing.assert_close(parts.task_network.eval()(activation), answer)


@each_cut
def test_each_weight_is_on_one_side(
    maker: Callable[[], nn.Module], layer: str, tmp_path: Path
) -> None:
    whole, parts = split(maker, layer, tmp_path)
    client, task_network = (set(part.state_dict()) for part in (parts.client, parts.task_network))
    assert client.isdisjoint(task_network)
    assert client | task_network == set(whole.state_dict())
    assert all(parameter.requires_grad for parameter in parts.client.parameters())


def test_the_split_index_is_the_position_in_the_order_of_execution(tmp_path: Path) -> None:
    """Two operations normalise, then stem and rectifier, then the four of the first block."""
    indices = [split(Net, layer, tmp_path)[1].index for layer in ("stem", "first", "second")]
    assert indices == [2, 4, 8]
    assert split(resnet, "layer1", tmp_path)[1].index == 4  # as among its children


REFUSED = [
    (table("Net", "fisrt"), "no submodule 'fisrt': did you mean 'first'"),
    (table("Net", "first.norm"), "bypasses 'first.norm' and is used by add"),
    (table("Skip", "first"), "'stem' bypasses 'first' and is used by add"),
    (table("Skip", "second"), "'second' is called 0 times"),
    (table("Twice", "first"), "'first' is called 2 times"),
    (table("Shared", "first"), "are one tensor used in two places"),
    (table("Branching", "first"), "cannot be traced: symbolically traced variables"),
    (table("Switching", "first"), r"depends on `self\.training`"),
    (table("TwoInputs", "first"), "one argument, the images, but got images, mask"),
    (table("NeedsDepth", "first"), "needs the argument 'depth'"),
    (table("broken", "first"), "cannot be made: the disk"),
    (table("without_annotation", "first"), "nor a function annotated to return one"),
    (table("Path", "first"), "is neither a class derived from torch"),
    (table("absent", "first"), "cannot be imported"),
    (ClientTable(network="no_such_package:net", split_layer="a"), "put its folder on PYTHONPATH"),
    (ClientTable(network="os:environ.clear", split_layer="a"), "is neither a class"),
]


@pytest.mark.parametrize(("client", "message"), REFUSED)
def test_what_cannot_be_cut_is_refused_in_one_sentence(client: ClientTable, message: str) -> None:
    with pytest.raises((BadConfig, UnknownName), match=message) as refused:
        split_network(client, 2)
    assert "\n" not in str(refused.value)


def test_the_parts_must_fit_the_images_and_the_task(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"an activation \(N, C, H, W\), but got \(2, 2\)"):
        activation_shape(split(Net, "head", tmp_path)[1], 32, 2)
    with pytest.raises(BadConfig, match=r"logits \(N, 7\), one for each class .* got \(2, 2\)"):
        activation_shape(split(Net, "first", tmp_path)[1], 32, 7)
    with pytest.raises(BadConfig, match=r"cannot run on images \(N, 3, 8, 8\)"):
        activation_shape(split(squeezenet, "features.3", tmp_path)[1], 8, 2)


def test_initial_weights_must_be_there_and_fit(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file(squeezenet().state_dict(), other)
    with pytest.raises(CorruptData, match=r"other\.safetensors.*Missing key.*of the whole network"):
        split_network(table("Net", "first"), 2, other)
    with pytest.raises(MissingData, match=r"absent\.safetensors"):
        split_network(table("Net", "first"), 2, tmp_path / "absent.safetensors")


def test_a_built_in_network_starts_from_weights_too(tmp_path: Path) -> None:
    whole = resnet()
    safetensors.torch.save_file(whole.state_dict(), tmp_path / "resnet.safetensors")
    parts = split_network(ClientTable(), 2, tmp_path / "resnet.safetensors")
    loaded = parts.client.state_dict() | parts.task_network.state_dict()
    assert loaded.keys() == whole.state_dict().keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in whole.state_dict().items())


def config(client: ClientTable, **changes: Any) -> Config:
    recipe = {**RECIPE, "defense": {"name": "none"}, "client": client.model_dump(), **changes}
    return Config.parse(recipe, "own config")


AS_IT_IS = {"warmup_epochs": 0, "epochs": 0}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Release]:
    """A network with weights of its own, released as it is."""
    folder = tmp_path_factory.mktemp("own")
    torch.manual_seed(1)
    network = Net().eval()
    safetensors.torch.save_file(network.state_dict(), folder / "net.safetensors")
    recipe = config(table("Net", "first", folder / "net.safetensors"), training=AS_IT_IS)
    generate(recipe, folder / "release")
    return network, Release.open(folder / "release")


def test_a_network_is_audited_as_it_is(audited: tuple[nn.Module, Release]) -> None:
    network, release = audited
    assert verify(release.folder) == []
    assert recompute(release.folder, 30) == []
    stored = release.table("auxiliary", ("activation", "task_logits", "input"))
    encoded = [image["bytes"] for image in stored.column("input").to_pylist()]
    images = to_unit_range(np.stack([decode(content, 32) for content in encoded]))
    shape = release.manifest.client.activation_shape
    activation = torch.tensor(vectors_to_numpy(stored.column("activation"), shape))
    logits = torch.tensor(vectors_to_numpy(stored.column("task_logits"), (2,)))
    with torch.no_grad():
        torch.testing.assert_close(load_client(release.folder)(images).half(), activation)
        torch.testing.assert_close(network(images.contiguous()), logits, rtol=1e-2, atol=1e-2)


def test_the_release_says_which_network_it_is(audited: tuple[nn.Module, Release]) -> None:
    network, release = audited
    client, cost = release.manifest.client, release.measurements.cost
    assert client.network == f"{__name__}:Net"
    assert (client.split_layer, client.split_index) == ("first", 4)
    assert client.activation_shape == (8, 16, 16)
    facts = json.loads((release.folder / "weights" / "networks.json").read_bytes())["client"]
    assert (facts["split_layer"], facts["split_index"]) == ("first", 4)
    assert facts["initial_weights"] == client.initial_weights is not None
    positions = 16 * 16
    assert cost.client_macs == positions * (5 * 5 * 3 * 8 + 3 * 3 * 8 * 8)
    assert cost.task_network_macs == positions * (3 * 3 * 8 * 8 + 8 * 2)
    assert cost.bytes_sent == 2 * 8 * positions
    sides = [*network.stem.parameters(), *network.first.parameters()]  # type: ignore[union-attr]
    assert cost.client_parameters == sum(parameter.numel() for parameter in sides)


def test_a_network_of_ones_own_is_attacked_like_any_other(
    audited: tuple[nn.Module, Release], tmp_path: Path
) -> None:
    _, release = audited
    fitted = fit_attack(release, "decoder", {"epochs": 1})
    fitted.predict("test").write(tmp_path / "decoder.parquet")
    assert score(release, tmp_path / "decoder.parquet").headline.metric == "ssim"


def test_a_network_is_trained_by_us_with_a_defense(tmp_path: Path) -> None:
    recipe = config(table("squeezenet", "features.3"), defense={"name": "disco", "ratio": 0.6})
    generate(recipe, tmp_path / "release")
    assert verify(tmp_path / "release") == []
    assert recompute(tmp_path / "release", 30) == []
    first = load_client(tmp_path / "release").state_dict()["layers.features.0.weight"]
    assert not torch.equal(first, squeezenet().state_dict()["features.0.weight"])


def test_a_defense_that_is_trained_needs_epochs(tmp_path: Path) -> None:
    noise = {"name": "gaussian_noise", "sigma": 0.5}
    recipe = config(table("Net", "first"), defense=noise, training=AS_IT_IS)
    with pytest.raises(BadConfig, match=r"gaussian_noise learns or measures .*epochs is 0"):
        generate(recipe, tmp_path / "release")
    assert list(tmp_path.iterdir()) == []


def test_a_release_whose_network_is_not_installed_is_said_so(
    audited: tuple[nn.Module, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, release = audited
    monkeypatch.delattr(f"{__name__}.Net")
    (problem,) = verify(release.folder)
    assert problem.file == "manifest.json"
    assert "put its folder on PYTHONPATH" in problem.problem
