"""What every defense promises, and what defines each of them."""

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from leakboard.generate import defenses
from leakboard.generate.defenses import Batch, Defense
from leakboard.generate.defenses.disco import Disco, hard_mask, pruned_channels
from leakboard.generate.noise import BatchNoise, RecordNoise
from leakboard.schemas import UnknownOption

SHAPE = (10, 8, 8)
OPTIONS: dict[str, dict[str, float]] = {
    "disco": {"ratio": 0.6},
    "gaussian_noise": {"sigma": 0.5},
    "random_pruning": {"ratio": 0.6},
}
NAMES = defenses.REGISTRY.names()


def make(name: str, seed: int = 0) -> Defense:
    torch.manual_seed(seed)
    return defenses.create(name, OPTIONS.get(name, {}), SHAPE)


def activations(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed)).relu() + 0.01


def batch_of(activation: Tensor) -> Batch:
    generator = torch.Generator().manual_seed(2)
    count = len(activation)
    return Batch(
        images=torch.rand(count, 3, 32, 32, generator=generator),
        task=torch.randint(2, (count,), generator=generator),
        sensitive=torch.randint(3, (count,), generator=generator),
        activation=activation,
        noise=BatchNoise(count, generator),
    )


def linear(classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(10 * 8 * 8, classes))


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    def test_release_keeps_the_shape(self, name: str) -> None:
        released = make(name).eval().release(activations(5), RecordNoise(range(5)))
        assert released.shape == (5, *SHAPE)

    def test_release_of_a_record_does_not_depend_on_its_batch(self, name: str) -> None:
        defense, z = make(name).eval(), activations(7)
        together = defense.release(z, RecordNoise(range(7)))
        alone = [defense.release(z[i : i + 1], RecordNoise([i])) for i in range(7)]
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-6, atol=1e-6)
        assert torch.equal(together == 0, torch.cat(alone) == 0)

    def test_only_a_randomized_defense_depends_on_the_noise(self, name: str) -> None:
        defense, z = make(name).eval(), activations(4)
        first = defense.release(z, RecordNoise([1, 2, 3, 4]))
        second = defense.release(z, RecordNoise([5, 6, 7, 8]))
        assert torch.equal(first, second) is not defense.randomized

    def test_weights_survive_safetensors(self, name: str) -> None:
        defense, copy = make(name, seed=0).eval(), make(name, seed=9).eval()
        stored = safetensors.torch.save(
            {key: values.contiguous() for key, values in defense.state_dict().items()}
        )
        copy.load_state_dict(safetensors.torch.load(stored))
        z, noise = activations(4), [RecordNoise(range(4)) for _ in range(2)]
        assert torch.equal(defense.release(z, noise[0]), copy.release(z, noise[1]))

    def test_every_network_but_none_other_gets_a_gradient(self, name: str) -> None:
        defense, z = make(name).train(), activations(16).requires_grad_()
        task_network, adversary = linear(2), linear(3)
        defense.objective(batch_of(z), task_network, adversary).loss.backward()
        own = [*task_network.parameters(), *defense.parameters()]
        own += list(adversary.parameters()) if defense.adversary else []
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in own)
        if not defense.adversary:
            assert all(p.grad is None for p in adversary.parameters())

    def test_a_misspelt_option_is_an_error_that_names_it(self, name: str) -> None:
        with pytest.raises(UnknownOption, match="'sgima'"):
            defenses.create(name, {**OPTIONS.get(name, {}), "sgima": 1}, SHAPE)


def test_gaussian_noise_has_the_stated_size() -> None:
    defense = make("gaussian_noise").train()
    z = 3.0 * activations(256)
    for _ in range(200):
        defense.release(z, BatchNoise(256, torch.Generator().manual_seed(0)))
    added = defense.eval().release(z, RecordNoise(range(256))) - z
    expected = 0.5 * z.square().mean().sqrt().item()
    assert added.std().item() == pytest.approx(expected, rel=0.01)
    assert added.mean().item() == pytest.approx(0, abs=expected / 50)


def test_noise_only_does_not_depend_on_the_activation() -> None:
    defense = make("noise_only").eval()
    one = defense.release(activations(4, seed=1), RecordNoise(range(4)))
    other = defense.release(activations(4, seed=2), RecordNoise(range(4)))
    assert torch.equal(one, other)


def test_random_pruning_draws_every_channel_equally_often() -> None:
    released = make("random_pruning").eval().release(activations(4000), RecordNoise(range(4000)))
    kept = (released.flatten(2).abs().sum(dim=2) > 0).double().mean(dim=0)
    assert kept.sub(0.4).abs().max() < 5 * (0.4 * 0.6 / 4000) ** 0.5


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


class _Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        return values * self.factor
