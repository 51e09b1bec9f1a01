"""MS-SSIM and LPIPS against torchmetrics, closed forms, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch.nn import functional
from torchmetrics.functional.image import structural_similarity_index_measure

from leakboard.evaluate.metrics import ReconstructionOutcome, lpips
from leakboard.evaluate.metrics.lpips import Lpips
from leakboard.evaluate.metrics.ms_ssim import EXPONENTS, MsSsim
from leakboard.schemas import CorruptData, SchemaMismatch

Pixels = NDArray[np.uint8]


def pair(size: int, noise: float, count: int = 2) -> ReconstructionOutcome:
    """Waves of several lengths, and the same with noise."""
    random = np.random.default_rng(0)
    across, down = np.meshgrid(np.arange(size), np.arange(size))
    waves = [np.sin(across / length) + np.cos(down / length) for length in (2, 7, 31)]
    truth = 127 + 40 * np.stack(waves, axis=2)[None] * random.uniform(0.5, 1, (count, 1, 1, 3))
    predicted = truth + random.normal(0, noise, truth.shape)
    return ReconstructionOutcome(to_bytes(predicted), to_bytes(truth))


def to_bytes(images: NDArray[np.float64]) -> Pixels:
    return images.clip(0, 255).astype(np.uint8)


def tensors(images: Pixels) -> torch.Tensor:
    return torch.from_numpy(images / 255).permute(0, 3, 1, 2)


# MS-SSIM -----------------------------------------------------------------------------------------


def torchmetrics_inside_the_border(outcome: ReconstructionOutcome) -> list[float]:
    """Its terms at each scale, without the mirrored border that it counts at the last."""
    x, y = tensors(outcome.predicted), tensors(outcome.truth)
    product = torch.ones(len(x), dtype=torch.float64)
    for scale, exponent in enumerate(EXPONENTS):
        if scale:
            x, y = functional.avg_pool2d(x, 2), functional.avg_pool2d(y, 2)
        if scale < len(EXPONENTS) - 1:
            _, term = structural_similarity_index_measure(
                x, y, data_range=1.0, reduction="none", return_contrast_sensitivity=True
            )
        else:
            _, maps = structural_similarity_index_measure(
                x, y, data_range=1.0, return_full_image=True
            )
            term = maps[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))
        product *= term.clamp(min=0) ** exponent
    return product.tolist()


@pytest.mark.parametrize(("size", "noise"), [(176, 60.0), (177, 2.0), (191, 20.0)])
def test_ms_ssim_equals_torchmetrics_inside_the_border(size: int, noise: float) -> None:
    outcome = pair(size, noise, count=1)
    expected = torchmetrics_inside_the_border(outcome)
    assert MsSsim().per_image(outcome) == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_of_an_exact_copy_is_1_and_of_a_negative_0() -> None:
    truth = pair(176, 0).truth
    assert (MsSsim().per_image(ReconstructionOutcome(truth, truth)) == 1).all()
    assert (MsSsim().per_image(ReconstructionOutcome(255 - truth, truth)) == 0).all()


def test_ms_ssim_of_flat_images_is_the_luminance_term_at_the_last_scale() -> None:
    flat = ReconstructionOutcome(np.full((1, 180, 180, 3), 0.2), np.full((1, 180, 180, 3), 0.7))
    luminance = (2 * 0.2 * 0.7 + 1e-4) / (0.2**2 + 0.7**2 + 1e-4)
    assert MsSsim().per_image(flat)[0] == pytest.approx(luminance ** EXPONENTS[-1], abs=1e-9)


def test_ms_ssim_needs_a_whole_window_at_the_coarsest_scale() -> None:
    assert MsSsim().lacks(pair(176, 1)) is None
    reason = MsSsim().lacks(pair(175, 1))
    assert reason == "ms_ssim needs images of at least 176 x 176 pixels, but these are 175 x 175"


# LPIPS -------------------------------------------------------------------------------------------


@pytest.fixture
def weights(lpips_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lpips, "WEIGHTS", lpips_weights)
    return lpips_weights


@pytest.mark.parametrize("size", [31, 64, 113])
def test_lpips_equals_torchmetrics(
    weights: Path, lpips_network: torch.nn.Module, size: int
) -> None:
    outcome = pair(size, 30)
    x, y = (tensors(images).float() * 2 - 1 for images in (outcome.predicted, outcome.truth))
    expected = lpips_network(x, y).flatten().tolist()
    assert Lpips().per_image(outcome) == pytest.approx(expected, abs=1e-6)


def test_lpips_has_the_same_bits_in_any_thread_and_order(weights: Path) -> None:
    outcome = pair(40, 30, count=5)
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        back = ReconstructionOutcome(outcome.predicted[::-1], outcome.truth[::-1])
        found += [Lpips().per_image(outcome), Lpips().per_image(back)[::-1]]
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert {values.tobytes() for values in found} == {found[0].tobytes()}


def test_lpips_of_an_exact_copy_is_0(weights: Path) -> None:
    truth = pair(40, 0).truth
    assert Lpips().per_image(ReconstructionOutcome(truth, truth)).tolist() == [0.0, 0.0]


def test_lpips_says_what_to_put_where(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Lpips().lacks(pair(31, 1)) is None
    assert Lpips().lacks(pair(30, 1)) == (
        "lpips needs images of at least 31 x 31 pixels, but these are 30 x 30"
    )
    monkeypatch.setattr(lpips, "WEIGHTS", tmp_path / "none.safetensors")
    assert Lpips().lacks(pair(31, 1)) == (
        "lpips needs its weights, none.safetensors in the folder .leakboard of your home; "
        "docs/conformance.md says how to make them"
    )


def test_lpips_refuses_weights_of_another_network(weights: Path, tmp_path: Path) -> None:
    fewer = load_file(weights)
    del fewer["net.slice3.6.bias"]
    save_file(fewer, tmp_path / "fewer.safetensors")
    with pytest.raises(SchemaMismatch, match=r"expected net.slice3.6.bias of shape \(384,\), but"):
        lpips.read_weights(tmp_path / "fewer.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CorruptData, match="is not a safetensors file"):
        lpips.read_weights(tmp_path / "torn.safetensors")
