"""What every defense promises, and what defines each of the plain ones."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from scipy import stats
from torch.nn import functional
from torchvision.transforms import functional as images_of

from leakboard.generate import defenses
from leakboard.generate.client import Client
from leakboard.generate.defenses.gaussian_blur import GaussianBlur
from leakboard.generate.defenses.shredder import Shredder
from leakboard.generate.networks.networks import split_network
from leakboard.generate.networks.similarity import structural_similarity
from leakboard.generate.noise import BatchNoise, RecordNoise
from leakboard.schemas import Config, UnknownOption
from leakboard.schemas.config import ClientTable

from ..sources import ROOT
from .defense_players import (
    OPTIONS,
    SHAPE,
    activations,
    adversary_of,
    batch_of,
    gradients,
    linear,
    make,
)

NAMES = defenses.REGISTRY.names()
Options = dict[str, Any]
VARIANTS: list[tuple[str, Options]] = [
    *((name, {}) for name in NAMES),
    ("random_pruning", {"fixed": True}),
    ("disco", {"mode": "input"}),
    ("disco", {"filter": "resnet18"}),
    ("disco", {"train_ratios": [0.2, 0.8]}),
    ("adversarial", {"mode": "input"}),
    ("expert_filters", {"combine": "sum"}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS)
class TestContract:
    def test_release_keeps_the_shape(self, name: str, options: Options) -> None:
        released = make(name, **options).eval().release(activations(5), RecordNoise(range(5)))
        assert released.shape == (5, *SHAPE)

    def test_release_of_a_record_does_not_depend_on_its_batch(
        self, name: str, options: Options
    ) -> None:
        defense, z = make(name, **options).eval(), activations(7)
        together = defense.release(z, RecordNoise(range(7)))
        alone = [defense.release(z[i : i + 1], RecordNoise([i])) for i in range(7)]
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-6, atol=1e-6)
        assert torch.equal(together == 0, torch.cat(alone) == 0)

    def test_only_a_randomized_defense_depends_on_the_noise(
        self, name: str, options: Options
    ) -> None:
        defense, z = make(name, **options).eval(), activations(4)
        first = defense.release(z, RecordNoise([1, 2, 3, 4]))
        second = defense.release(z, RecordNoise([5, 6, 7, 8]))
        assert torch.equal(first, second) is not defense.randomized

    def test_weights_survive_safetensors(self, name: str, options: Options) -> None:
        """What training measured of the activations included, such as their size."""
        defense, copy = make(name, 0, **options).train(), make(name, 9, **options).eval()
        for _ in range(3):
            batch = batch_of(7.0 * activations(16))
            defense.objective(batch, linear(2), adversary_of(defense))
        defense.eval()
        stored = safetensors.torch.save(
            {key: values.contiguous() for key, values in defense.state_dict().items()}
        )
        copy.load_state_dict(safetensors.torch.load(stored))
        z, noise = activations(4), [RecordNoise(range(4)) for _ in range(2)]
        assert torch.equal(defense.release(z, noise[0]), copy.release(z, noise[1]))

    def test_the_same_seed_gives_the_same_release(self, name: str, options: Options) -> None:
        defense, z = make(name, **options).eval(), activations(4)
        one, other = (defense.release(z, RecordNoise([1, 2, 3, 4])) for _ in range(2))
        assert torch.equal(one, other)
        assert torch.equal(one, make(name, **options).eval().release(z, RecordNoise([1, 2, 3, 4])))

    def test_every_network_but_none_other_gets_a_gradient(
        self, name: str, options: Options
    ) -> None:
        defense, z = make(name, **options).train(), activations(16).requires_grad_()
        task_network, adversary = linear(2), adversary_of(defense)
        defense.objective(batch_of(z), task_network, adversary).loss.backward()
        own = [*task_network.parameters(), *(p for p in defense.parameters() if p.requires_grad)]
        own += list(adversary.parameters()) if defense.adversary else []
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in own)
        if not defense.adversary:
            assert not gradients(adversary)
        assert (z.grad is None) == (name == "noise_only")  # which sends nothing of the client's

    def test_an_adversary_follows_its_own_loss_on_what_is_released_alone(
        self, name: str, options: Options
    ) -> None:
        defense = make(name, **options).train()
        if defense.adversary is None or options.get("train_ratios"):
            return
        batch, adversary = batch_of(activations(16).requires_grad_()), adversary_of(defense)
        defense.objective(batch, linear(2), adversary).loss.backward()
        routed = [gradient.clone() for gradient in gradients(adversary)]
        answer = adversary(defense.release(batch.activation, batch.noise).detach())
        guesses, decoded = answer if defense.adversary == "both" else (answer, answer)
        expected = torch.zeros(())
        if defense.adversary != "input":
            expected = expected + functional.cross_entropy(guesses, batch.sensitive)
        if defense.adversary == "both":
            expected = expected + 1 - structural_similarity(decoded, batch.images)
        if defense.adversary == "input":
            expected = (decoded - batch.images).abs().mean()
        for mine, theirs in zip(
            routed, torch.autograd.grad(expected, list(adversary.parameters())), strict=True
        ):
            torch.testing.assert_close(mine, theirs)

    def test_the_mean_is_what_is_released_where_nothing_is_random(
        self, name: str, options: Options
    ) -> None:
        defense, z = make(name, **options).eval(), activations(4)
        assert (defense.noise_std == 0.0) == (not defense.randomized)
        if not defense.randomized:
            assert torch.equal(defense.mean(z), defense.release(z, RecordNoise(range(4))))

    def test_a_misspelt_option_is_an_error_that_names_it(self, name: str, options: Options) -> None:
        with pytest.raises(UnknownOption, match="'sgima'"):
            defenses.create(name, {**OPTIONS.get(name, {}), **options, "sgima": 1}, SHAPE)


IDLE = ("none", "noise_only", "random_pruning", "gaussian_blur", "expert_filters")
TRAINED = ("disco", "adversarial", "max_entropy", "deep_obfuscator", "nopeek", "siamese_embedding")
MEASURING = ("shredder", "gaussian_noise", "uniform_noise")


def test_what_changes_in_training_cannot_go_untrained() -> None:
    assert [name for name in IDLE if make(name).learns] == []
    assert [name for name in (*TRAINED, *MEASURING) if not make(name).learns] == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.toml")), ids=lambda p: p.stem)
def test_every_configuration_takes_its_defense_and_is_named_after_itself(path: Path) -> None:
    config = Config.read(path, ())
    defenses.REGISTRY.create(config.defense.name, config.defense.options)
    assert path.stem in (config.name, config.release_name)


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


def test_one_fixed_mask_prunes_the_same_channels_of_every_sample() -> None:
    defense = make("random_pruning", fixed=True).eval()
    zero = (defense.release(activations(9), RecordNoise(range(9))) == 0).flatten(2).all(dim=2)
    assert zero.sum(dim=1).tolist() == [6] * 9
    assert len(zero.unique(dim=0)) == 1


def test_uniform_noise_has_the_stated_size_and_an_end() -> None:
    defense, z = make("uniform_noise").eval(), activations(256)
    added = (defense.release(z, RecordNoise(range(256))) - z) / 0.5
    assert added.std().item() == pytest.approx(1.0, rel=0.01)
    assert added.abs().max().item() == pytest.approx(3**0.5, rel=1e-3)
    assert defense.noise_std is None  # bounds for Gaussian noise say nothing about it


class TestGaussianBlur:
    def test_it_acts_before_the_network_and_the_blocks_keep_their_names(self) -> None:
        network = split_network(ClientTable(), 2)
        defense = make("gaussian_blur", sigma=2.0)
        plain, x = network.client.eval(), torch.rand(2, 3, 32, 32)
        client = Client(defense.prepare(plain), defense).eval()
        blurred = images_of.gaussian_blur(x, [13, 13], [2.0, 2.0])
        torch.testing.assert_close(client(x), plain(blurred))
        assert client.layers.state_dict().keys() == plain.state_dict().keys()

    def test_a_wide_blur_leaves_the_mean_colour_alone(self) -> None:
        defense = GaussianBlur(sigma=100.0)
        x = torch.rand(1, 3, 32, 32)
        blurred = defense.prepare(torch.nn.Identity())(x)
        assert blurred.std(dim=(2, 3)).max() < 0.05
        torch.testing.assert_close(
            blurred.mean(dim=(2, 3)), x.mean(dim=(2, 3)), rtol=0.05, atol=0.05
        )


class TestShredder:
    def test_training_changes_the_noise_and_enlarges_it(self) -> None:
        defense = make("shredder", weight=100.0).train()
        assert isinstance(defense, Shredder)
        before = defense.tensors.detach().clone()
        optimizer = torch.optim.Adam(defense.parameters(), 1e-3)
        for _ in range(20):
            optimizer.zero_grad()
            defense.objective(batch_of(activations(16)), linear(2), linear(3)).loss.backward()
            optimizer.step()
        assert (defense.tensors != before).double().mean() > 0.99
        assert defense.tensors.abs().mean() > before.abs().mean()

    def test_noise_that_is_large_enough_grows_no_more(self) -> None:
        defense = make("shredder", weight=100.0, scale=2.0).train()
        assert isinstance(defense, Shredder)
        objective = defense.objective(batch_of(activations(16)), linear(2), linear(3))
        assert objective.loss > 0  # the reward for its size would be about -200

    def test_a_release_is_laplace_in_the_order_of_a_tensor(self) -> None:
        defense, z = make("shredder", tensors=1, scale=0.5).eval(), activations(64)
        assert isinstance(defense, Shredder)
        added = (defense.release(z, RecordNoise(range(64))) - z).detach().double()
        tensor = defense.tensors[0].detach().flatten()
        order = tensor.argsort()
        sampled = added.flatten(1)[:, order]
        assert (sampled.diff(dim=1) >= -1e-5).all()  # rounding of z + n - z
        centre, deviation = tensor.median(), (tensor - tensor.median()).abs().mean()
        fitted = stats.laplace(centre.item(), deviation.item())
        assert stats.kstest(added.flatten().numpy(), fitted.cdf).statistic < 0.02

    def test_a_release_draws_from_every_tensor(self) -> None:
        defense = make("shredder", tensors=4).eval()
        z = torch.zeros(200, *SHAPE)
        orders = defense.release(z, RecordNoise(range(200))).flatten(1).argsort(dim=1)
        assert len(orders.unique(dim=0)) == 4
