"""Attribute attacks find what is planted for them, and nothing where nothing is."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from leakboard.evaluate import read_records, read_truth
from leakboard.evaluate.architectures import PatchWhitening
from leakboard.evaluate.attacks import REGISTRY, Attack
from leakboard.evaluate.attacks.boosted_trees import BoostedTrees
from leakboard.evaluate.attacks.distilled_classifier import DistilledClassifier
from leakboard.evaluate.attacks.linear_probe import LinearProbe
from leakboard.evaluate.fitting import Example
from leakboard.evaluate.reading.records import Records
from leakboard.evaluate.scoring.evidence import averaged
from leakboard.generate import load_client
from leakboard.schemas import Release, UsageError

from ..tiny import MakeRelease

SHAPE = (8, 4, 4)
PAIRS = {"epochs": 24, "augment": False}
READERS: list[tuple[str, dict[str, Any]]] = [
    ("linear_probe", {}),
    ("nearest_neighbour", {"neighbours": 5}),
    ("boosted_trees", {"iterations": 20}),
    ("attribute_classifier", PAIRS),
    ("attribute_classifier", PAIRS | {"precision": "bfloat16"}),
    ("mask_classifier", PAIRS | {"reads": "mask_and_activation"}),
]
LARGE: tuple[str, dict[str, Any]] = ("attribute_classifier", PAIRS | {"capacity": "large"})


def noise(records: Records) -> Tensor:
    """Random activations, in each of which one channel of the last seven is zero."""
    generator = torch.Generator().manual_seed(len(records))
    activation = torch.randn(len(records), *SHAPE, generator=generator)
    pruned = torch.randint(1, SHAPE[0], (len(records),), generator=generator)
    activation[torch.arange(len(records)), pruned] = 0
    return activation


def resized(records: Records, activation: Tensor) -> Records:
    """Put activations of `SHAPE` in the place of the real ones."""
    client = records.manifest.client.model_copy(update={"activation_shape": SHAPE})
    manifest = records.manifest.model_copy(update={"client": client})
    return replace(records, manifest=manifest, activation=activation.half())


def in_one_channel(records: Records, strength: float = 4.0) -> Records:
    """Add the sensitive label to one channel of otherwise random activations."""
    activation = noise(records)
    activation[:, 0] += strength * records.known("sensitive")[:, None, None]
    return resized(records, activation)


def in_the_mask(records: Records) -> Records:
    """Prune half of the channels of random activations: which half is the sensitive label."""
    activation = noise(records)
    halves = torch.arange(activation.shape[1]) % 2
    pruned = halves == records.known("sensitive")[:, None]
    return resized(records, activation.masked_fill(pruned[..., None, None], 0))


class Answers(nn.Module):
    """A network that gives the same answers whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, activation: Tensor) -> Tensor:
        return self.logits


def accuracy(attack: Attack, train: Records, test: Records) -> float:
    attack.fit(train)
    predicted = attack.predict(test.without_answers()).argmax(dim=1)
    return (predicted == test.known("sensitive")).double().mean().item()


@pytest.fixture(scope="module")
def split(release: Release) -> tuple[Records, Records]:
    """108 records to train on and 36 others."""
    return read_records(release, "defender"), read_truth(release, "test", None)


@pytest.mark.parametrize(("name", "options"), [*READERS, LARGE])
def test_a_label_in_a_channel_is_read(
    split: tuple[Records, Records], name: str, options: dict[str, Any]
) -> None:
    train, test = map(in_one_channel, split)
    assert accuracy(REGISTRY.create(name, options), train, test) > 0.9


@pytest.mark.parametrize(("name", "options"), READERS)
def test_nothing_is_read_from_noise(
    split: tuple[Records, Records], name: str, options: dict[str, Any]
) -> None:
    train, test = (in_one_channel(records, strength=0) for records in split)
    assert 0.2 < accuracy(REGISTRY.create(name, options), train, test) < 0.8


@pytest.mark.parametrize("reads", ["mask", "mask_and_activation"])
def test_a_label_in_the_mask_is_read_from_the_mask(
    split: tuple[Records, Records], reads: str
) -> None:
    train, test = map(in_the_mask, split)
    attack = REGISTRY.create("mask_classifier", PAIRS | {"reads": reads})
    assert accuracy(attack, train, test) > 0.9


def test_a_label_in_the_mask_escapes_an_attack_that_ignores_masks(
    split: tuple[Records, Records],
) -> None:
    """Pruning a channel of zero mean changes its spread, which no linear reader sees."""
    train, test = map(in_the_mask, split)
    assert 0.2 < accuracy(LinearProbe(), train, test) < 0.8


@pytest.mark.parametrize(("channels", "components"), [(8, 32), (256, 256)])
def test_whitened_activations_have_uncorrelated_components_of_one_size(
    channels: int, components: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    directions, _ = torch.linalg.qr(torch.randn(channels, channels, generator=generator))
    mixing = directions * torch.linspace(0.1, 3, channels)
    activation = 3 + torch.einsum(
        "ij,njhw->nihw", mixing, torch.randn(400, channels, 6, 6, generator=generator)
    )
    whitened = PatchWhitening(activation)(activation).transpose(0, 1).flatten(1)
    assert len(whitened) == components
    expected = torch.eye(components)
    torch.testing.assert_close(torch.cov(whitened), expected, atol=0.02, rtol=0)
    torch.testing.assert_close(whitened.mean(dim=1), torch.zeros(components), atol=0.02, rtol=0)


def test_whitening_survives_what_does_not_vary() -> None:
    same = torch.full((40, 256, 3, 3), 7.0)
    assert (PatchWhitening(same)(same) == 0).all()


def test_without_a_pattern_there_is_no_mask_to_read(split: tuple[Records, Records]) -> None:
    train, _ = split
    same = replace(train, activation=torch.ones_like(train.activation))
    with pytest.raises(UsageError, match=r"is the same in all .* use attribute_classifier"):
        REGISTRY.create("mask_classifier", PAIRS).fit(same)


def test_the_mask_alone_says_nothing_of_the_values(split: tuple[Records, Records]) -> None:
    train, test = map(in_one_channel, split)
    assert 0.2 < accuracy(REGISTRY.create("mask_classifier", PAIRS), train, test) < 0.8


def test_averaging_queries_undoes_random_pruning(release_of: MakeRelease) -> None:
    """Where a channel got through once in 16 queries, the average is the undefended activation."""
    release = release_of("random_pruning")
    records = read_records(release, "validation")
    owners = {image: row for row, image in enumerate(dict.fromkeys(records.image_id))}
    owner = torch.tensor([owners[image] for image in records.image_id])
    mean, _ = averaged(records.activation.float(), owner)
    first = torch.tensor([list(records.image_id).index(image) for image in owners])
    bare = load_client(release.folder).layers(records.known("inputs")[first] / 255)
    seen = mean != 0
    assert seen.flatten(2).any(dim=2).double().mean() > 0.97  # 1 - 0.6^16, less dead channels
    torch.testing.assert_close(mean[seen], bare[seen], atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("attack", [LinearProbe(), BoostedTrees(iterations=2)])
def test_a_class_that_was_never_seen_is_never_guessed(handmade: Release, attack: Attack) -> None:
    auxiliary = read_records(handmade, "auxiliary")
    attack.fit(auxiliary.select(torch.nonzero(auxiliary.known("sensitive") != 1).flatten()))
    guess = attack.predict(read_records(handmade, "test"))
    assert guess.shape[1] == 3
    assert (guess[:, 1] == 0).all()
    torch.testing.assert_close(guess.sum(dim=1), torch.ones(len(guess)), check_dtype=False)


def test_one_class_leaves_nothing_to_tell_apart(handmade: Release) -> None:
    auxiliary = read_records(handmade, "auxiliary")
    alike = auxiliary.select(torch.nonzero(auxiliary.known("sensitive") == 0).flatten())
    with pytest.raises(UsageError, match="one class of 'letter' only"):
        LinearProbe().fit(alike)


@pytest.mark.parametrize("epochs", [1, 2, 5, 6])
def test_any_number_of_steps_can_be_trained_for(release: Release, epochs: int) -> None:
    """Five steps in all once divided by zero in torch's schedule."""
    auxiliary = read_records(release, "auxiliary")
    attack = REGISTRY.create("mask_classifier", {"epochs": epochs, "augment": False})
    attack.fit(auxiliary.select(torch.arange(20)))
    assert attack.predict(auxiliary).isfinite().all()


def test_a_distilled_classifier_follows_its_teacher_and_no_label(release: Release) -> None:
    attack = DistilledClassifier(epochs=1)
    attack.client = load_client(release.folder)
    auxiliary = read_records(release, "auxiliary")
    attack.fit(auxiliary)
    inputs, labels = auxiliary.known("inputs") / 255, auxiliary.known("sensitive")
    batch = Example(auxiliary.activation.float(), inputs, labels)
    loss = attack.loss(attack.network, batch)
    assert loss == attack.loss(attack.network, replace(batch, sensitive=1 - labels))
    with torch.no_grad():
        taught = attack.teacher.network(inputs)
    least = Categorical(logits=taught).entropy().mean()  # Gibbs' inequality
    assert loss > least
    torch.testing.assert_close(attack.loss(Answers(taught), batch), least)
