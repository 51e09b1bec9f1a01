"""Built-in networks: wherever they are cut, both halves together are torchvision's network."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torchvision.models import resnet18, resnet34

from leakboard.generate.networks.networks import activation_shape, split_network
from leakboard.schemas.config import BLOCKS, ClientTable

# Side of an activation of a 32 x 32 image, and its channels.
SHAPES = {
    **dict.fromkeys(("conv1", "bn1", "relu"), (64, 16, 16)),
    **dict.fromkeys(("maxpool", "layer1"), (64, 8, 8)),
    **{"layer2": (128, 4, 4), "layer3": (256, 2, 2), "layer4": (512, 1, 1)},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    for name, make in (("resnet18", resnet18), ("resnet34", resnet34)):
        torch.manual_seed(0)
        safetensors.torch.save_file(make(num_classes=3).state_dict(), folder / name)
    return {name: folder / name for name in ("resnet18", "resnet34")}


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_halves_make_the_whole_at_every_block(name: str, files: dict[str, Path]) -> None:
    whole = {"resnet18": resnet18, "resnet34": resnet34}[name](num_classes=3).eval()
    whole.load_state_dict(safetensors.torch.load_file(files[name]))
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = whole((images - 0.5) / 0.25)
        for index, block in enumerate(BLOCKS):
            split = split_network(ClientTable(network=name, split_layer=block), 3, files[name])
            assert split.index == index
            assert activation_shape(split, 32, 3) == SHAPES[block]
            sent = split.client(images)
            before = sent.clone()
            torch.testing.assert_close(split.task_network(sent), expected, rtol=1e-4, atol=1e-4)
            assert torch.equal(sent, before)  # others read it after the task network
