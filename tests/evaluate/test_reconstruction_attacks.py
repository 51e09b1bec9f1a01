"""Attacks that rebuild images by optimisation or by lookup: closed forms, limits, what they see."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from leakboard.evaluate import fit_attack, read_records, read_truth
from leakboard.evaluate.attacks import REGISTRY
from leakboard.evaluate.attacks.dictionary import Dictionary
from leakboard.evaluate.attacks.likelihood_maximization import LikelihoodMaximization
from leakboard.evaluate.attacks.pixel_optimization import PixelOptimization
from leakboard.evaluate.metrics import ReconstructionOutcome
from leakboard.evaluate.metrics.ssim import Ssim
from leakboard.evaluate.optimizing import Pixels, Schedule, optimize, total_variation
from leakboard.evaluate.reading.records import Records
from leakboard.evaluate.scoring.evidence import Evidence
from leakboard.evaluate.similarity import structural_similarity
from leakboard.generate import Client, load_client
from leakboard.generate.defenses import create
from leakboard.generate.defenses.disco import Disco
from leakboard.schemas import Release, Setting, Track, UnknownOption, UsageError

from ..tiny import MakeRelease

WHITEBOX = [
    name
    for name in REGISTRY.names()
    if REGISTRY.find(name).setting is not Setting.AUXILIARY and not REGISTRY.find(name).ceiling
]


@pytest.fixture
def few(release: Release) -> Records:
    """Five images of validation with their answers."""
    return read_truth(release, "validation", None).of_first_images(5)


def images_of(records: Records) -> Tensor:
    return records.known("inputs").float() / 255


def behind(layers: nn.Module, records: Records) -> tuple[Client, Records]:
    """A client of these layers alone, and the records as it would have released them."""
    activation = layers(images_of(records)).half()
    client = Client(layers, create("none", {}, tuple(activation.shape[1:])))
    return client, replace(records, activation=activation).without_answers()


# Pixels ------------------------------------------------------------------------------------------


def test_an_identity_client_hides_no_pixel(few: Records) -> None:
    attack = PixelOptimization(steps=400, total_variation=0, l2=0)
    attack.client, received = behind(nn.Identity(), few)
    torch.testing.assert_close(attack.predict(received), images_of(few), atol=0.03, rtol=0)


def test_what_a_linear_client_does_not_send_stays_grey(few: Records) -> None:
    """The answer is the pseudo-inverse: the mean of each 2 x 2 block, in all four of its pixels."""
    attack = PixelOptimization(steps=400, total_variation=0, l2=0)
    attack.client, received = behind(nn.AvgPool2d(2), few)
    expected = functional.interpolate(received.activation.float(), scale_factor=2)
    torch.testing.assert_close(attack.predict(received), expected, atol=0.03, rtol=0)


def test_total_variation_without_evidence_flattens_an_image(few: Records) -> None:
    start = images_of(few)
    pixels = Pixels(start, roughness=1.0, l2=0.0)
    smooth = optimize(pixels, lambda images: images.new_zeros(len(images)), Schedule(100, 0.1))
    assert (total_variation(smooth) < 0.5 * total_variation(start)).all()


def test_the_answer_is_the_last_iterate_or_the_one_of_lowest_loss() -> None:
    """A step far too large leaves the minimum; the lowest loss on the way is the start's own."""
    start = torch.full((2, 3, 8, 8), 0.5)
    goal = torch.tensor([0.5, 0.6])[:, None, None, None]  # reached at once; never reached closely

    def distance(images: Tensor) -> Tensor:
        return (images - goal).abs().mean(dim=(1, 2, 3)) + 0.001

    answers = [
        optimize(Pixels(start, 0.0, 0.0), distance, Schedule(4, 3.0, iterate))
        for iterate in ("last", "lowest_loss")
    ]
    last, lowest = (distance(images) for images in answers)
    assert (lowest <= last).all()
    assert torch.equal(answers[1][0], start[0])
    assert lowest[1] < last[1]


def test_a_search_that_diverges_is_refused() -> None:
    pixels = Pixels(torch.full((1, 3, 8, 8), 0.5), 0.0, 0.0)
    with pytest.raises(UsageError, match=r"diverged with learning_rate=0\.1; use a lower one"):
        optimize(pixels, lambda images: images.sum(dim=(1, 2, 3)) / 0, Schedule(2, 0.1))


# Deep image prior --------------------------------------------------------------------------------


def misses(attack: LikelihoodMaximization, release: Release, records: Records) -> Tensor:
    """How far the client's activation of the rebuilt images is from the one received."""
    attack.client = load_client(release.folder)
    evidence = Evidence.of(records)
    images = evidence.average(attack.predict(records))
    return evidence.distance(attack.client.layers(images))


@pytest.mark.parametrize("defense", ["none", "disco", "gaussian_noise", "random_pruning"])
def test_likelihood_maximization_explains_what_was_received(
    release_of: MakeRelease, defense: str
) -> None:
    release = release_of(defense)
    records = read_records(release, "validation").of_first_images(3).without_answers()
    early, late = (
        misses(LikelihoodMaximization(steps=steps), release, records) for steps in (1, 30)
    )
    assert late.mean() < 0.7 * early.mean()


def test_an_image_is_rebuilt_the_same_whatever_its_batch(release: Release, few: Records) -> None:
    rebuilt = []
    for batch, rows in ((5, [0, 1, 2, 3, 4]), (2, [4, 3, 2, 1, 0]), (1, [0, 1, 2, 3, 4])):
        attack = LikelihoodMaximization(steps=8, batch=batch)
        attack.client = load_client(release.folder)
        records = few.select(torch.tensor(rows)).without_answers()
        rebuilt.append(attack.predict(records)[torch.tensor(rows)])
    assert (rebuilt[0][0] - rebuilt[0][1]).abs().max() > 0.1  # and not all images are the same
    for other in rebuilt[1:]:
        torch.testing.assert_close(other, rebuilt[0], atol=0.01, rtol=0)


def test_the_gradient_of_an_image_passes_a_hard_mask(release_of: MakeRelease) -> None:
    """Also through the choice of the channels: a straight-through gradient."""
    client = load_client(release_of("disco").folder)
    assert isinstance(client.defense, Disco)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    masks = [
        torch.autograd.grad(chosen.sum(), images)[0]
        for chosen in (
            client(images.requires_grad_()).square(),
            client.defense.mask(client.layers(images.requires_grad_())) * torch.arange(64),
        )
    ]
    assert all((gradient.abs().amax(dim=(1, 2, 3)) > 0).all() for gradient in masks)


def test_what_is_released_can_be_matched_as_a_whole(release_of: MakeRelease) -> None:
    release = release_of("disco")
    records = read_records(release, "validation").of_first_images(3).without_answers()
    client = load_client(release.folder)
    misses = []
    for steps in (1, 80):
        attack = PixelOptimization(steps=steps, match="released")
        attack.client = client
        missed = client(attack.predict(records)) - records.activation
        misses.append(missed.square().mean(dim=(1, 2, 3)))
    assert (misses[1] < 0.7 * misses[0]).all()


def test_a_random_release_is_not_matched_as_a_whole(release_of: MakeRelease) -> None:
    fitted = fit_attack(release_of("gaussian_noise"), "pixel_optimization", {"match": "released"})
    with pytest.raises(UsageError, match="gaussian_noise is randomized; use match=sent"):
        fitted.predict("validation")


# Evidence ----------------------------------------------------------------------------------------


def test_repeated_queries_are_averaged_where_they_sent_a_channel(few: Records) -> None:
    two = few.select(torch.tensor([0, 1, 0]))  # the first image is asked twice
    activation = torch.ones(3, 2, 4, 4)
    activation[0, 1] = 0  # a pruned channel
    activation[2] = torch.tensor([3.0, 5.0])[:, None, None]
    evidence = Evidence.of(replace(two, activation=activation.half()))
    assert evidence.image_of.tolist() == [0, 1, 0]
    assert evidence.sent.tolist() == [[2, 1], [1, 1]]
    assert evidence.activation[:, :, 0, 0].tolist() == [[2, 5], [1, 1]]
    assert evidence.distance(evidence.activation).tolist() == [0, 0]
    assert evidence.distance(torch.zeros(2, 2, 4, 4)).tolist() == [1, 1]
    assert evidence.average(torch.tensor([1.0, 2.0, 5.0])).tolist() == [3, 2]


def test_every_query_of_an_image_gets_the_same_answer(release_of: MakeRelease) -> None:
    release = release_of("gaussian_noise")
    records = read_records(release, "validation").without_answers().of_first_images(4)
    assert len(records) > 4
    attack = fit_attack(release, "likelihood_maximization", {"steps": 2}).attack
    rebuilt = attack.predict(records)
    first = [list(records.image_id).index(name) for name in records.image_id]
    assert torch.equal(rebuilt, rebuilt[torch.tensor(first)])


# What a white-box attack sees --------------------------------------------------------------------


@pytest.mark.parametrize("name", WHITEBOX)
def test_an_attack_needs_no_truth_and_finds_none(
    release: Release, tmp_path: Path, name: str
) -> None:
    shutil.copytree(release.folder, tmp_path / "public")
    options: dict[str, Any] = {"steps": 3}
    if "epochs" in REGISTRY.find(name).__init__.__kwdefaults__:
        options["epochs"] = 1
    alone, beside = (
        fit_attack(one, name, options).predict("test", images=4)
        for one in (Release.open(tmp_path / "public"), release)
    )
    assert alone.header == beside.header
    assert (alone.values == beside.values).all()


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("likelihood_maximization", "steps", 0),
        ("likelihood_maximization", "batch", 0),
        ("likelihood_maximization", "learning_rate", 0),
        ("likelihood_maximization", "iterate", "best_ssim"),
        ("pixel_optimization", "total_variation", -1),
        ("decoder_then_optimize", "match", "guessed"),
        ("decoder", "capacity", "huge"),
        ("decoder", "loss", "l2"),
    ],
)
def test_an_option_out_of_range_is_refused(name: str, option: str, value: object) -> None:
    with pytest.raises(UnknownOption, match=f"option '{option}' cannot be"):
        REGISTRY.create(name, {option: value})


# Lookup ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("defense", ["none", "disco", "random_pruning", "gaussian_noise"])
def test_a_dictionary_finds_the_image_itself(release_of: MakeRelease, defense: str) -> None:
    """No defense of the activation alone helps where the images are public."""
    release = release_of(defense)
    truth = read_truth(release, "test", None)
    both: Sequence[Dictionary] = [Dictionary(track=track) for track in Track]
    for attack in both:
        attack.client = load_client(release.folder)
        attack.fit(read_records(release, "auxiliary"))
    labels, images = (attack.predict(truth) for attack in both)
    same = (images == images_of(truth)).flatten(1).all(dim=1)
    assert same.double().mean() >= 0.97
    assert torch.equal(labels[same].argmax(dim=1), truth.known("sensitive")[same])


def test_a_dictionary_has_no_hidden_image_of_a_sealed_release(release: Release) -> None:
    sealed = release.manifest.config.model_copy(update={"sealed": True})
    manifest = release.manifest.model_copy(update={"config": sealed})
    truth = replace(read_truth(release, "test", None), manifest=manifest)
    attack = Dictionary(track=Track.RECONSTRUCTION)
    attack.client = load_client(release.folder)
    attack.fit(read_records(release, "auxiliary"))
    found = (attack.predict(truth) == images_of(truth)).flatten(1).all(dim=1)
    assert not found.any()


# Decoder -----------------------------------------------------------------------------------------


def test_the_similarity_loss_is_the_metric(few: Records) -> None:
    generator = torch.Generator().manual_seed(0)
    truth = images_of(few)
    other = (truth + 0.2 * torch.rand(truth.shape, generator=generator)).clamp(0, 1)
    predicted, shown = (x.permute(0, 2, 3, 1).double().numpy() for x in (other, truth))
    expected = Ssim().per_image(ReconstructionOutcome(predicted, shown)).mean()
    assert structural_similarity(other, truth).item() == pytest.approx(expected, abs=1e-5)
    assert structural_similarity(truth, truth).item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("loss", ["l1", "l1_ssim"])
@pytest.mark.parametrize("capacity", ["small", "large"])
def test_every_decoder_gives_images(release: Release, loss: str, capacity: str) -> None:
    options = {"epochs": 1, "loss": loss, "capacity": capacity, "augment": False}
    values = fit_attack(release, "decoder", options).predict("validation", images=2).values
    assert values.shape == (2, 32, 32, 3)
