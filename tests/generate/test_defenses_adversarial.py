"""Defenses that play against an adversary, or against a dependence, do what defines them."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import metrics
from torch import Tensor, nn
from torch.nn import functional

from leakboard.generate.defenses import Batch, create
from leakboard.generate.defenses._adversarial import entropy, steer
from leakboard.generate.defenses.nopeek import distance_correlation
from leakboard.generate.defenses.siamese_embedding import contrastive
from leakboard.generate.networks.similarity import structural_similarity
from leakboard.generate.noise import BatchNoise

from .defense_players import Both, activations, batch_of, decoder, linear, make


class Toy:
    """Images whose red says the task and whose green says the sensitive attribute."""

    def __init__(self, name: str, **options: float) -> None:
        torch.manual_seed(0)
        self.client = nn.Conv2d(3, 4, 1)
        self.task_network = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4, 2))
        self.adversary = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4, 2))
        self.defense = create(name, options, (4, 2, 2))
        self.generator = torch.Generator().manual_seed(1)

    def batch(self) -> Batch:
        labels = torch.randint(2, (2, 64), generator=self.generator)
        images = 0.1 * torch.rand(64, 3, 2, 2, generator=self.generator)
        images[:, :2] += 0.9 * labels.T[:, :, None, None]
        noise = BatchNoise(64, self.generator)
        return Batch(images, labels[0], labels[1], self.client(images), noise)

    def play(self, steps: int, players: tuple[nn.Module, ...]) -> None:
        parameters = [p for player in players for p in player.parameters()]
        optimizer = torch.optim.Adam(parameters, 3e-2)
        for _ in range(steps):
            self.client.zero_grad()
            self.adversary.zero_grad()
            self.task_network.zero_grad()
            batch = self.batch()
            self.defense.objective(batch, self.task_network, self.adversary).loss.backward()
            optimizer.step()

    def accuracies(self) -> tuple[float, float]:
        """Of the task network and of the proxy adversary, on a fresh batch."""
        batch = self.batch()
        pairs = ((self.task_network, batch.task), (self.adversary, batch.sensitive))
        right = [(n(batch.activation).argmax(1) == truth).double().mean() for n, truth in pairs]
        return right[0].item(), right[1].item()


@pytest.mark.parametrize("name", ["adversarial", "max_entropy"])
def test_the_proxy_loses_where_the_client_can_unlearn_the_attribute(name: str) -> None:
    found = {}
    for weight in (0.0, 2.0):
        entropy_weight = {"entropy_weight": weight / 100} if name == "adversarial" else {}
        toy = Toy(name, weight=weight, **entropy_weight)
        seen = []
        for _ in range(12):
            toy.play(10, (toy.client, toy.task_network, toy.adversary))
            seen.append(toy.accuracies())
        found[weight] = np.mean(seen[6:], axis=0)
    assert found[0.0].min() > 0.95
    assert found[2.0][0] > 0.95
    assert found[2.0][1] < 0.75


def test_stepping_max_entropy_raises_the_adversarys_entropy() -> None:
    toy = Toy("max_entropy", weight=5.0)
    toy.play(60, (toy.adversary,))  # which begins undecided
    heights, images = [], toy.batch().images
    for _ in range(5):
        heights.append(entropy(toy.adversary(toy.client(images))).item())
        toy.play(3, (toy.client,))
    assert heights == sorted(heights)
    assert heights[-1] > heights[0] + 0.1


def test_entropy_is_that_of_the_softmax_of_logits() -> None:
    assert entropy(torch.zeros(3, 7)).item() == pytest.approx(np.log(7))
    assert entropy(torch.tensor([[100.0, 0.0]])).item() == pytest.approx(0, abs=1e-6)
    logits = torch.randn(5, 4)
    expected = torch.distributions.Categorical(logits=logits).entropy().mean()
    torch.testing.assert_close(entropy(logits), expected)


class TestRouting:
    """The client's gradient is that of its own objective, with the adversary held still."""

    @staticmethod
    def routed(name: str, adversary: nn.Module, **options: Any) -> tuple[Batch, nn.Module]:
        torch.manual_seed(3)
        task_network = linear(2)
        batch = batch_of(activations(16).requires_grad_())
        make(name, **options).train().objective(batch, task_network, adversary).loss.backward()
        return batch, task_network

    @staticmethod
    def check(batch: Batch, expected: Tensor) -> None:
        (theirs,) = torch.autograd.grad(expected, batch.activation)
        torch.testing.assert_close(batch.activation.grad, theirs)

    def test_max_entropy(self) -> None:
        adversary = linear(3)
        batch, task_network = self.routed("max_entropy", adversary, weight=0.7)
        utility = functional.cross_entropy(task_network(batch.activation), batch.task)
        distribution = torch.distributions.Categorical(logits=adversary(batch.activation))
        self.check(batch, utility - 0.7 * distribution.entropy().mean())

    def test_adversarial(self) -> None:
        adversary = linear(3)
        batch, task_network = self.routed("adversarial", adversary, weight=0.7, entropy_weight=0.2)
        utility = functional.cross_entropy(task_network(batch.activation), batch.task)
        guesses = adversary(batch.activation)
        privacy = functional.cross_entropy(guesses, batch.sensitive)
        spread = torch.distributions.Categorical(logits=guesses).entropy().mean()
        self.check(batch, utility - 0.7 * privacy - 0.2 * spread)

    def test_adversarial_on_the_input(self) -> None:
        adversary = decoder()
        batch, task_network = self.routed("adversarial", adversary, weight=0.7, mode="input")
        utility = functional.cross_entropy(task_network(batch.activation), batch.task)
        distance = (adversary(batch.activation) - batch.images).abs().mean()
        self.check(batch, utility - 0.7 * distance)

    def test_siamese_embedding(self) -> None:
        options: dict[str, Any] = {"weight": 0.7, "margin": 0.5}
        batch, task_network = self.routed("siamese_embedding", linear(3), **options)
        utility = functional.cross_entropy(task_network(batch.activation), batch.task)
        pairs = []
        for i, j in combinations(range(16), 2):
            d = (batch.activation[i] - batch.activation[j]).square().mean().sqrt()
            same = batch.task[i] == batch.task[j]
            pairs.append(d**2 if same else (0.5 - d).clamp(min=0) ** 2)
        self.check(batch, utility + 0.7 * torch.stack(pairs).mean())

    def test_nopeek(self) -> None:
        batch, task_network = self.routed("nopeek", linear(3), weight=0.7)
        utility = functional.cross_entropy(task_network(batch.activation), batch.task)
        correlation = distance_correlation(batch.images, batch.activation)
        self.check(batch, utility + 0.7 * correlation)

    def test_deep_obfuscator(self) -> None:
        adversary = Both()
        weights: dict[str, Any] = {"weight": 0.7, "reconstruction_weight": 2.0}
        batch, task_network = self.routed("deep_obfuscator", adversary, **weights)
        utility = functional.cross_entropy(task_network(batch.activation), batch.task)
        guesses, decoded = adversary(batch.activation)
        attribute = functional.cross_entropy(guesses, batch.sensitive)
        reconstruction = 1 - structural_similarity(decoded, batch.images)
        self.check(batch, utility - 0.7 * attribute - 2.0 * reconstruction)

    @pytest.mark.parametrize("name", ["adversarial", "max_entropy", "deep_obfuscator"])
    def test_the_weight_rises_over_the_first_half(self, name: str) -> None:
        def client_gradient(progress: float) -> Tensor:
            torch.manual_seed(3)
            task_network = linear(2)
            adversary = Both() if name == "deep_obfuscator" else linear(3)
            batch = batch_of(activations(8).requires_grad_(), progress)
            defense = make(name)
            defense.objective(batch, task_network, adversary).loss.backward()
            assert batch.activation.grad is not None
            return batch.activation.grad

        start, quarter, half, end = (client_gradient(at) for at in (0.0, 0.25, 0.5, 1.0))
        torch.testing.assert_close(quarter, (start + half) / 2)
        assert torch.equal(half, end)
        assert not torch.equal(start, half)

    def test_what_steers_is_worth_nothing(self) -> None:
        z = activations(4).requires_grad_()
        _, term = steer(z, linear(3), lambda logits: 5 * logits.sum())
        assert term.item() == 0.0

    def test_nothing_is_steered_where_the_adversary_learns_alone(self) -> None:
        adversary, z = linear(3), activations(4)
        gradients = []
        for activation in (z, z.clone().requires_grad_()):
            answer, term = steer(activation, adversary, lambda logits: 5 * logits.sum())
            assert term.requires_grad == activation.requires_grad
            loss = functional.cross_entropy(answer, torch.tensor([0, 1, 2, 0])) + term
            gradients.append(torch.autograd.grad(loss, list(adversary.parameters())))
        assert all(torch.equal(alone, both) for alone, both in zip(*gradients, strict=True))


def test_the_similarity_is_the_standard_one() -> None:
    images = torch.rand(4, 3, 32, 32)
    blurred = 0.7 * images + 0.3 * torch.rand(4, 3, 32, 32)
    of_images = [
        metrics.structural_similarity(
            one.double().numpy(),
            other.double().numpy(),
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            use_sample_covariance=False,
            full=True,
        )[1][:, 5:-5, 5:-5]
        for one, other in zip(blurred, images, strict=True)
    ]
    assert structural_similarity(blurred, images).item() == pytest.approx(
        np.mean(of_images), abs=1e-5
    )


class TestDistanceCorrelation:
    def test_it_equals_an_independent_implementation(self) -> None:
        random = np.random.default_rng(0)
        for count, width in ((2, 1), (7, 3), (40, 100)):
            x = random.normal(size=(count, 3, 4))
            z = np.tanh(x[:, :, :1]) + random.normal(size=(count, 3, width))
            ours = distance_correlation(torch.from_numpy(x), torch.from_numpy(z)).item()
            theirs = _by_the_book(x.reshape(count, -1), z.reshape(count, -1))
            assert ours == pytest.approx(theirs, abs=1e-6)

    def test_single_precision_is_enough(self) -> None:
        x, z = torch.rand(64, 3 * 32 * 32), 5 + torch.rand(64, 4096)
        exact = distance_correlation(x.double(), z.double()).item()
        assert distance_correlation(x, z).item() == pytest.approx(exact, abs=1e-5)

    def test_it_sees_a_dependence_that_is_not_linear(self) -> None:
        """Squared distances, as published code has them, see nothing here."""
        x = torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None]
        assert distance_correlation(x, x**2).item() > 0.4
        a, b = x - x.mean(), x**2 - (x**2).mean()
        assert abs((a * b).sum().item()) < 1e-9

    def test_images_that_are_equal_give_no_infinite_gradient(self) -> None:
        x, z = torch.rand(6, 5), torch.rand(6, 4)
        x[1], z[1] = x[0], z[0]
        z.requires_grad_()
        distance_correlation(x, z).backward()
        assert z.grad is not None
        assert z.grad.isfinite().all()

    def test_a_step_of_nopeek_lowers_it(self) -> None:
        z = activations(32).requires_grad_()
        batch = batch_of(z)
        make("nopeek", weight=100.0).objective(batch, linear(2), linear(3)).loss.backward()
        assert z.grad is not None
        stepped = z.detach() - z.grad / z.grad.norm()
        after, before = (distance_correlation(batch.images, v) for v in (stepped, z.detach()))
        assert after < before


def _by_the_book(x: NDArray[np.float64], z: NDArray[np.float64]) -> float:
    """Székely, Rizzo and Bakirov (2007), in sums over pairs."""
    count = len(x)

    def centred(points: NDArray[np.float64]) -> list[list[float]]:
        a = [[float(np.sqrt(((p - q) ** 2).sum())) for q in points] for p in points]
        rows = [sum(row) / count for row in a]
        grand = sum(rows) / count
        return [[a[k][m] - rows[k] - rows[m] + grand for m in range(count)] for k in range(count)]

    def covariance(one: list[list[float]], other: list[list[float]]) -> float:
        pairs = ((k, m) for k in range(count) for m in range(count))
        return sum(one[k][m] * other[k][m] for k, m in pairs) / count**2

    a, b = centred(x), centred(z)
    squared = covariance(a, b) / np.sqrt(covariance(a, a) * covariance(b, b))
    return float(np.sqrt(squared))


def test_contrastive_pulls_equals_together_and_others_to_the_margin() -> None:
    z = torch.tensor([[0.0, 0.0], [0.6, 0.6], [3.0, 3.0]])[:, :, None, None]
    labels = torch.tensor([0, 0, 1])
    assert contrastive(z, labels, 1.0).item() == pytest.approx(0.36 / 3)
    assert contrastive(z, labels, 4.0).item() == pytest.approx((0.36 + 1.0**2 + 1.6**2) / 3)
