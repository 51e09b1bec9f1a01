"""Convolutions as matrix products: the same numbers and gradients as PyTorch's own."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from leakboard.generate.networks.convolutions import Convolution, with_matrix_products

KINDS = [(3, 1, 1), (3, 2, 1), (1, 2, 0), (3, 1, 0), (7, 2, 3)]
FITTING = [
    (side, *kind) for side in (1, 2, 3, 4) for kind in KINDS if side + 2 * kind[2] >= kind[0]
]


@pytest.mark.parametrize(("side", "kernel", "stride", "padding"), FITTING)
def test_a_convolution_is_pytorchs(side: int, kernel: int, stride: int, padding: int) -> None:
    own = nn.Conv2d(5, 4, kernel, stride, padding, dtype=torch.float64)
    ours = with_matrix_products(nn.Sequential(copy.deepcopy(own)))
    images = torch.rand(3, 5, side, side, dtype=torch.float64, requires_grad=True)
    assert isinstance(ours[0], Convolution)  # type: ignore[index]
    torch.testing.assert_close(ours(images), own(images))
    for one, other in zip(_gradients(ours, images), _gradients(own, images), strict=True):
        torch.testing.assert_close(one, other)


def _gradients(network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    loss = network(images).square().sum()
    return torch.autograd.grad(loss, [images, *network.parameters()])


def test_a_network_keeps_its_weights_and_draws_none() -> None:
    network = resnet18(num_classes=3)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    before = torch.get_rng_state()
    kept = with_matrix_products(network).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert list(kept) == list(weights)
    assert all(torch.equal(kept[name], value) for name, value in weights.items())
    assert not any(type(layer) is nn.Conv2d for layer in network.modules())


def test_other_convolutions_stay_as_they_are() -> None:
    layers = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, 3, dilation=2))
    with_matrix_products(layers)
    assert all(type(layer) is nn.Conv2d for layer in layers)
