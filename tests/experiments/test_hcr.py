"""The noise sweep: floors grow with the noise, accuracy falls, and nothing is swept twice."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from leakboard.evaluate.bounds.hcr import Hcr
from leakboard.experiments import Request, hcr, reproduce
from leakboard.experiments._figures import LINES, draw, table
from leakboard.experiments._small_nets import SmallClient, convolutional, perceptron
from leakboard.experiments._sweep import QUANTITIES, Swept, System, sweep
from leakboard.schemas import Release
from leakboard.schemas.files import write_text

SIGMAS, SAMPLES = (0.1, 1.0, 5.0), 12


@pytest.fixture(scope="module")
def system() -> System:
    return hcr.digits()


@pytest.fixture(scope="module")
def swept(system: System) -> Swept:
    bound = Hcr(pits=2, iterations=20)
    return sweep(system, bound, SIGMAS, SAMPLES, epochs=20, seed=0)


def values(swept: Swept, name: str) -> list[float]:
    return [row.measured[name].value for row in swept.rows]


def test_the_small_networks_are_those_of_the_paper() -> None:
    """F.2: 784-784-784 for digits; 3 x 3 to 32, 5 x 5 to 1024, 3 x 3 to 3072, 3072 features."""
    digits, cifar10 = perceptron(784), convolutional((32, 1024, 3072))
    assert [tuple(p.shape) for p in digits.parameters() if p.ndim > 1] == [(784, 784)] * 2
    shapes = [tuple(p.shape) for p in cifar10.parameters() if p.ndim > 1]
    assert shapes == [(32, 3, 3, 3), (1024, 32, 5, 5), (3072, 1024, 3, 3), (3072, 3072)]
    small = SmallClient(convolutional((4, 8, 16)))
    assert small.mean(torch.rand(2, 3, 32, 32)).shape == (2, 3072)


def test_more_noise_raises_every_floor_and_costs_accuracy(swept: Swept) -> None:
    assert swept.clean.value > 0.9
    for name in ("rmse_floor", "single_point_rmse_floor", "fisher_floor"):
        assert values(swept, name) == sorted(values(swept, name))
    accuracies = [row.accuracy.value for row in swept.rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > swept.clean.value - 0.05
    assert accuracies[-1] < accuracies[0] - 0.2


def test_fishers_floor_is_proportional_to_the_noise(swept: Swept) -> None:
    found = np.divide(values(swept, "fisher_floor"), SIGMAS)
    np.testing.assert_allclose(found, found[0], rtol=1e-6)


def test_every_number_has_its_images_and_its_interval(swept: Swept) -> None:
    for row in swept.rows:
        assert set(row.measured) == set(QUANTITIES)
        for measured in row.measured.values():
            assert measured.n == SAMPLES
            assert measured.low <= measured.value <= measured.high
        assert row.accuracy.low < row.accuracy.value < row.accuracy.high


def test_many_perturbations_bound_no_less_than_one(swept: Swept) -> None:
    for row in swept.rows:
        one, many = row.measured["single_point_rmse_floor"], row.measured["rmse_floor"]
        assert many.value >= one.value * (1 - 1e-6)


def test_the_trained_attacker_is_better_than_the_mean_image_while_noise_is_small(
    system: System, swept: Swept
) -> None:
    mean = system.train.mean(dim=0)
    errors = (system.test[:SAMPLES] - mean).square().flatten(1).mean(dim=1).sqrt()
    median = 255 * errors.sort().values[math.ceil(SAMPLES / 2) - 1].item()
    assert values(swept, "mean_image_rmse") == pytest.approx([median] * len(SIGMAS))
    assert values(swept, "decoder_rmse")[0] < 0.7 * median
    assert values(swept, "decoder_rmse")[-1] < 1.2 * median


def test_table_and_plot_say_what_was_swept(swept: Swept) -> None:
    text, picture = table({"digits": swept}), draw({"digits": swept})
    assert sum(line.startswith("| ") for line in text.splitlines()) == 2 + len(SIGMAS)
    assert f"n = {SAMPLES} images" in text
    for row in swept.rows:
        assert f"| {row.sigma:g} | {row.accuracy.value:.3f}" in text
    assert picture.startswith("<svg")
    assert "<image" not in picture  # lines and words, no photographs
    for title, _ in LINES.values():
        assert title in picture


@pytest.mark.slow
def test_a_run_writes_all_three_systems_and_sweeps_none_again(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the tiny faces, which are as large as CIFAR-10's images, in the place of a release."""
    monkeypatch.setattr(hcr, "SIGMAS", SIGMAS[:2])
    monkeypatch.setattr(hcr, "DIGIT_ATTACK_EPOCHS", 2)
    shutil.copytree(release.folder, tmp_path / "release")
    request = Request("unused", "smoke", tmp_path)
    report = reproduce("hcr", request)
    assert list(report.results) == ["digits", "cifar10-small", "cifar10-release"]
    for name, found in report.results.items():
        assert Swept.model_validate(found).rows[0].measured["rmse_floor"].n == 8
        assert (tmp_path / f"hcr-{name}.json").is_file()
    assert json.loads((tmp_path / "hcr.json").read_bytes())["results"] == report.results
    for kept in ("hcr.md", "hcr.svg"):
        assert (tmp_path / kept).stat().st_size > 1000

    earlier = Swept.model_validate(report.results["digits"]).model_copy(update={"about": "kept"})
    write_text(tmp_path / "hcr-digits.json", earlier.to_json())
    monkeypatch.delattr(hcr, "sweep")
    assert reproduce("hcr", request).results["digits"]["about"] == "kept"
