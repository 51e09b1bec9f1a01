"""DISCO: its filter, its spatial decoupler, and filters of experts on one pair of networks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from leakboard.generate import defenses
from leakboard.generate.client import CLIENT_FILE, Client, save_networks
from leakboard.generate.defenses._decoupler import decoupled
from leakboard.generate.defenses._filters import (
    hard_mask,
    pruned_channels,
    straight_through_mask,
)
from leakboard.generate.defenses.disco import Disco
from leakboard.generate.defenses.expert_filters import ExpertFilters
from leakboard.generate.networks.networks import split_network
from leakboard.generate.noise import RecordNoise
from leakboard.schemas import BadConfig, ChecksumMismatch, MissingData
from leakboard.schemas.config import ClientTable
from leakboard.schemas.files import sha256_of

from .defense_players import SHAPE, activations, batch_of, decoder, linear, make


class TestDisco:
    """Acceptance: exact zeros, per sample, a gradient for the filter, none for the client."""

    @pytest.mark.parametrize("ratio", [0.0, 0.3, 0.6, 0.9])
    @pytest.mark.parametrize("training", [True, False])
    def test_exactly_floor_rc_channels_are_exactly_zero(self, ratio: float, training: bool) -> None:
        defense = defenses.create("disco", {"ratio": ratio}, SHAPE).train(training)
        released = defense.release(activations(33), RecordNoise([0] * 33))
        zero = (released == 0).flatten(2).all(dim=2).sum(dim=1)
        assert zero.tolist() == [round(ratio * 10)] * 33
        others = released[released != 0]
        assert torch.isin(others, activations(33)).all()  # kept channels pass unscaled

    def test_the_mask_has_the_gradient_of_a_sigmoid_of_temperature_0_03(self) -> None:
        """Around the middle between the last score that is pruned and the first that is kept."""
        scores = torch.tensor([[0.10, -0.02, 0.05, -0.08, 0.01]], requires_grad=True)
        mask = straight_through_mask(scores, torch.tensor([[2]]))
        assert mask.tolist() == [[1, 0, 1, 0, 1]]
        mask.sum().backward()
        sigmoid = torch.sigmoid((scores.detach() - (-0.02 + 0.01) / 2) / 0.03)
        torch.testing.assert_close(scores.grad, sigmoid * (1 - sigmoid) / 0.03)

    def test_ties_do_not_change_the_count(self) -> None:
        mask = hard_mask(torch.zeros(4, 10), 6)
        assert mask.sum(dim=1).tolist() == [4.0] * 4

    def test_the_count_is_the_floor_of_r_times_c(self) -> None:
        assert [pruned_channels(r / 100, 64) for r in range(100)] == [
            r * 64 // 100 for r in range(100)
        ]

    def test_masks_differ_between_samples(self) -> None:
        defense = make("disco").eval()
        assert isinstance(defense, Disco)
        assert len(defense.mask(activations(64)).unique(dim=0)) > 1

    def test_evaluation_is_deterministic(self) -> None:
        defense, z = make("disco").eval(), activations(8)
        assert torch.equal(
            defense.release(z, RecordNoise(range(8))), defense.release(z, RecordNoise(range(8)))
        )

    def test_client_gradient_is_the_pure_utility_gradient(self) -> None:
        defense, task_network = make("disco").train(), linear(2)
        z = activations(16).requires_grad_()
        batch = batch_of(z)
        defense.objective(batch, task_network, linear(3)).loss.backward()
        assert isinstance(defense, Disco)
        mask = defense.mask(z.detach())[:, :, None, None].detach()
        alone = functional.cross_entropy(task_network(z * mask), batch.task)
        (expected,) = torch.autograd.grad(alone, z)
        torch.testing.assert_close(z.grad, expected)

    def test_scaling_the_privacy_loss_leaves_the_client_gradient_unchanged(self) -> None:
        def client_gradient(scale: float) -> Tensor:
            torch.manual_seed(3)
            task_network, adversary = linear(2), linear(3)
            z = activations(16).requires_grad_()
            scaled = nn.Sequential(adversary, _Scale(scale))
            make("disco").train().objective(batch_of(z), task_network, scaled).loss.backward()
            assert z.grad is not None
            return z.grad

        assert torch.equal(client_gradient(1.0), client_gradient(100.0))

    def test_filter_ascends_the_privacy_loss_and_descends_the_utility_loss(self) -> None:
        torch.manual_seed(3)
        task_network, adversary = linear(2), linear(3)
        defense = make("disco").train()
        assert isinstance(defense, Disco)
        batch = batch_of(activations(16))
        defense.objective(batch, task_network, adversary).loss.backward()
        routed = [p.grad.clone() for p in defense.parameters() if p.grad is not None]

        pruned = batch.activation * defense.mask(batch.activation)[:, :, None, None]
        utility = functional.cross_entropy(task_network(pruned), batch.task)
        privacy = functional.cross_entropy(adversary(pruned), batch.sensitive)
        expected = torch.autograd.grad(utility - privacy, list(defense.parameters()))
        for mine, theirs in zip(routed, expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)

    def test_an_input_filter_ascends_the_decoders_l1_distance(self) -> None:
        torch.manual_seed(3)
        task_network, adversary = linear(2), decoder()
        defense = make("disco", mode="input", utility_weight=0.0).train()
        assert isinstance(defense, Disco)
        batch = batch_of(activations(16))
        objective = defense.objective(batch, task_network, adversary)
        assert objective.adversary_logits is None
        objective.loss.backward()
        pruned = batch.activation * defense.mask(batch.activation)[:, :, None, None]
        distance = (adversary(pruned) - batch.images).abs().mean()
        expected = torch.autograd.grad(-distance, list(defense.parameters()))
        for parameter, theirs in zip(defense.parameters(), expected, strict=True):
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad, theirs, rtol=1e-4, atol=1e-6)

    def test_another_ratio_at_release_changes_the_channel_count_alone(self) -> None:
        defense, z = make("disco", train_ratios=[0.0, 0.9]).eval(), activations(8)
        assert isinstance(defense, Disco)
        kept = {}
        for ratio in (0.2, 0.5, 0.8):
            defense.ratio = ratio
            kept[ratio] = defense.release(z, RecordNoise(range(8))).flatten(2).any(dim=2)
            assert kept[ratio].sum(dim=1).tolist() == [10 - round(10 * ratio)] * 8
        assert (kept[0.8] <= kept[0.5]).all()
        assert (kept[0.5] <= kept[0.2]).all()

    def test_training_over_random_ratios_shows_the_task_network_many(self) -> None:
        counts: set[int] = set()

        def task_network(released: Tensor) -> Tensor:
            counts.update(released.flatten(2).any(dim=2).sum(dim=1).tolist())
            logits: Tensor = linear(2)(released)
            return logits

        defense = make("disco", train_ratios=[0.1, 0.8]).train()
        defense.objective(batch_of(activations(64)), task_network, linear(3))
        assert counts == set(range(3, 10))


class Constant(nn.Module):
    """The same scores for every sample."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, activation: Tensor) -> Tensor:
        return self.scores.expand(len(activation), -1)


class TestSpatialDecoupler:
    """Split after the first activation: further on, convolutions mix the channels again."""

    @staticmethod
    def layers(decoupler: bool, split_layer: str = "relu") -> nn.Module:
        torch.manual_seed(0)
        layers = split_network(ClientTable(split_layer=split_layer), 2).client
        return make("disco", decoupler=decoupler).prepare(layers).eval()

    def test_a_channel_is_the_mean_response_to_its_tile(self) -> None:
        x = torch.rand(2, 3, 32, 32)
        made = self.layers(decoupler=True).get_submodule("conv1")(x)
        convolution = self.layers(decoupler=False).get_submodule("conv1")
        for tile in range(64):
            row, column = 4 * (tile // 8), 4 * (tile % 8)
            part = x[:, :, row : row + 4, column : column + 4]
            enlarged = functional.interpolate(part, scale_factor=8, mode="bilinear")
            torch.testing.assert_close(made[:, tile], convolution(enlarged).mean(dim=1))

    def test_a_bias_is_averaged_like_the_filters(self) -> None:
        torch.manual_seed(0)
        convolution, x = nn.Conv2d(3, 16, 3, stride=2, padding=1), torch.rand(2, 3, 16, 16)
        made = decoupled(nn.Sequential(convolution))(x)
        enlarged = functional.interpolate(x[:, :, 4:8, 8:12], scale_factor=4, mode="bilinear")
        torch.testing.assert_close(made[:, 4 + 2], convolution(enlarged).mean(dim=1))

    @pytest.mark.parametrize("changed", [{"groups": 3}, {"padding_mode": "reflect"}])
    def test_a_convolution_that_is_no_map_of_the_tile_alone_is_refused(
        self, changed: dict[str, Any]
    ) -> None:
        convolution = nn.Conv2d(3, 9, 3, padding=1, **changed)
        with pytest.raises(BadConfig, match="one group that is padded with zeros"):
            decoupled(nn.Sequential(convolution))

    @pytest.mark.parametrize("split_layer", ["conv1", "bn1", "relu", "maxpool"])
    def test_a_pruned_channel_takes_all_of_its_tile_with_it(self, split_layer: str) -> None:
        """What is released is the same whatever the tile shows, where the same channels go."""
        x, other, channel = *self.two_images(), 8 * 2 + 5
        client = self.client(split_layer, decoupler=True, pruned=channel)
        assert torch.equal(client(x), client(other))
        assert not torch.equal(client.layers(x)[:, channel], client.layers(other)[:, channel])
        entire = self.client(split_layer, decoupler=False, pruned=channel)
        assert not torch.equal(entire(x), entire(other))

    def test_behind_the_first_block_a_tile_is_in_every_channel(self) -> None:
        x, other = self.two_images()
        client = self.client("layer1", decoupler=True, pruned=8 * 2 + 5)
        assert not torch.equal(client(x), client(other))

    @staticmethod
    def two_images() -> tuple[Tensor, Tensor]:
        """Two that differ in the tile in row 2, column 5 alone."""
        torch.manual_seed(1)
        x = torch.rand(1, 3, 32, 32)
        other = x.clone()
        other[:, :, 8:12, 20:24] = torch.rand(1, 3, 4, 4)
        return x, other

    def client(self, split_layer: str, decoupler: bool, pruned: int) -> Client:
        """A client whose filter prunes that one of 64 channels, whatever it sees."""
        defense = defenses.create("disco", {"ratio": 1 / 64}, (64, 16, 16))
        assert isinstance(defense, Disco)
        scores = torch.zeros(64)
        scores[pruned] = -1.0
        defense.filter_generator = Constant(scores)
        return Client(self.layers(decoupler, split_layer), defense).eval()

    @pytest.mark.parametrize("split_layer", ["relu", "maxpool", "layer1"])
    def test_toggled_off_it_changes_no_shape(self, split_layer: str) -> None:
        x = torch.rand(2, 3, 32, 32)
        with_it, without = (self.layers(on, split_layer) for on in (True, False))
        assert with_it(x).shape == without(x).shape
        sizes = [[p.shape for p in layers.parameters()] for layers in (with_it, without)]
        assert sizes[0] == sizes[1]

    def test_filters_that_are_no_square_are_refused(self) -> None:
        with pytest.raises(BadConfig, match="but got 8; switch the decoupler off"):
            make("disco", decoupler=True).prepare(nn.Conv2d(3, 8, 3))


class TestExpertFilters:
    """Section 4: filters that were trained apart plug into one client and task network."""

    @staticmethod
    def layers() -> nn.Module:
        torch.manual_seed(5)
        return nn.Sequential(nn.Conv2d(3, 10, 3, stride=4, padding=1), nn.BatchNorm2d(10)).eval()

    def expert(self, folder: Path, seed: int) -> dict[str, str]:
        client = Client(self.layers(), make("disco", seed).eval())
        save_networks(folder / str(seed), client, nn.Identity(), {})
        path = folder / str(seed) / CLIENT_FILE
        return {"file": str(path), "sha256": sha256_of(path)}

    def bank(self, folder: Path, combine: str, ratio: float = 0.3) -> ExpertFilters:
        experts = [self.expert(folder, seed) for seed in (1, 2)]
        made = make("expert_filters", experts=experts, combine=combine, ratio=ratio)
        made.finish(self.layers())
        assert isinstance(made, ExpertFilters)
        return made.eval()

    def test_a_channel_that_any_expert_prunes_is_pruned(self, tmp_path: Path) -> None:
        z, noise = activations(32), RecordNoise(range(32))
        mine = self.bank(tmp_path, "any").release(z, noise) == 0
        race, gender = (make("disco", s, ratio=0.3).eval().release(z, noise) == 0 for s in (1, 2))
        assert torch.equal(mine, race | gender)
        assert not torch.equal(race, gender)

    def test_summed_scores_prune_the_stated_number(self, tmp_path: Path) -> None:
        released = self.bank(tmp_path, "sum", 0.6).release(activations(32), RecordNoise(range(32)))
        assert (released == 0).flatten(2).all(dim=2).sum(dim=1).tolist() == [6] * 32

    def test_the_client_keeps_its_weights(self, tmp_path: Path) -> None:
        layers = self.layers()
        before = {name: value.clone() for name, value in layers.state_dict().items()}
        make("expert_filters", experts=[self.expert(tmp_path, 1)]).finish(layers)
        assert all(torch.equal(before[n], value) for n, value in layers.state_dict().items())

    def test_an_expert_of_another_client_is_refused(self, tmp_path: Path) -> None:
        bank = make("expert_filters", experts=[self.expert(tmp_path, 1)])
        other = self.layers()
        next(other.parameters()).data += 1e-3
        with pytest.raises(BadConfig, match="this expert was trained on another client"):
            bank.finish(other)

    def test_another_file_another_kind_or_none_is_refused(self, tmp_path: Path) -> None:
        source = self.expert(tmp_path, 1)
        for change, error, said in (
            ({"sha256": 64 * "0"}, ChecksumMismatch, "name the file that was meant"),
            ({"file": "absent"}, MissingData, "generate its release first"),
        ):
            with pytest.raises(error, match=said):
                make("expert_filters", experts=[source | change]).finish(self.layers())
        wrong = make("expert_filters", experts=[source], filter="resnet18")
        with pytest.raises(BadConfig, match=r"set defense\.filter to the expert's own"):
            wrong.finish(self.layers())


class _Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        return values * self.factor
