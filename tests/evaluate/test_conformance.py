"""The conformance kit: vectors that are right, sound code that passes, wrong code that is named."""

import inspect
import re
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from leakboard.evaluate.conformance import Verdict, check, conformance
from leakboard.evaluate.conformance._traps import TRAPS, Trap
from leakboard.evaluate.conformance._vectors import Case, ours, read_vectors
from leakboard.evaluate.metrics import REGISTRY
from leakboard.schemas import MissingData, UsageError

from ..sources import ROOT

PAGE = (ROOT / "docs" / "conformance.md").read_text("utf-8")
CASES, JUDGE = read_vectors()
TRAPPED = [(metric, trap) for metric, traps in TRAPS.items() for trap in traps]
Images = NDArray[np.float64]


def asking(names: Sequence[str], function: Callable[[dict[str, Any]], float]) -> Any:
    """Make a function that asks for `names`."""

    def asked(**given: Any) -> float:
        return function(given)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, kind) for name in names]
    asked.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return asked


def arguments_of(metric: str) -> list[str]:
    case = next(case for case in CASES if metric in case.expected)
    return [*case.arrays, "judge"] if "predicted" in case.arrays else list(case.arrays)


def verdict_on(metric: str, function: Any) -> Verdict:
    return check({metric: function})[metric]


def per_image(compare: Callable[[Images, Images], float]) -> Any:
    def mean(predicted: Images, truth: Images) -> float:
        return float(np.mean([compare(p, t) for p, t in zip(predicted, truth, strict=True)]))

    return mean


def test_every_metric_has_a_vector() -> None:
    assert {metric for case in CASES for metric in case.expected} == set(REGISTRY.names())


def test_the_files_are_what_the_generator_writes() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate_conformance.py"))
    arrays, _ = generator["vectors"]()
    stored = {f"{case.name}/{key}": array for case in CASES for key, array in case.arrays.items()}
    drawn = {key: array for key, array in arrays.items() if not key.startswith("judge/")}
    assert drawn.keys() == stored.keys()
    for key, array in drawn.items():
        assert array.dtype == stored[key].dtype
        assert (array == stored[key]).all(), key


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_our_metrics_give_the_stored_values(case: Case) -> None:
    found = {metric: ours(metric, case.arrays, JUDGE) for metric in case.expected}
    assert found == pytest.approx(case.expected, abs=1e-12)


def test_our_own_metrics_pass() -> None:
    def given_as_to_others(metric: str) -> Any:
        def value(given: dict[str, Any]) -> float:
            return ours(metric, {key: given[key] for key in given if key != "judge"}, JUDGE)

        return asking(arguments_of(metric), value)

    verdicts = check({metric: given_as_to_others(metric) for metric in REGISTRY.names()})
    assert list(verdicts) == REGISTRY.names()
    assert all(verdict.ok for verdict in verdicts.values())
    assert max(verdict.apart or 0 for verdict in verdicts.values()) < 1e-6


def test_the_example_of_the_page_passes_on_scikit_image_and_scikit_learn(tmp_path: Path) -> None:
    (code,) = re.findall(r"`my_metrics.py`\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "my_metrics.py").write_text(code)
    report = conformance(tmp_path / "my_metrics.py")
    assert report.ok
    assert report.absent == ("ms_ssim", "rank1", "tar_at_far")
    assert max(verdict.apart or 0 for verdict in report.verdicts.values()) < 1e-7


def test_the_page_describes_every_metric() -> None:
    table = PAGE.partition("## What is expected")[2].partition("Tolerance")[0]
    first = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for cell in first for name in re.findall(r"`(\w+)`", cell)} == set(
        REGISTRY.names()
    )


# Traps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "trap"), TRAPPED, ids=[f"{metric}: {trap.says}" for metric, trap in TRAPPED]
)
def test_a_trap_is_told_from_the_right_way_and_from_every_other(metric: str, trap: Trap) -> None:
    verdict = verdict_on(metric, asking(arguments_of(metric), trap.wrong))
    assert not verdict.ok
    assert any(re.fullmatch(pattern(trap), problem) for problem in verdict.problems)
    others = {pattern(other) for other in TRAPS[metric]} - {pattern(trap)}
    for problem in verdict.problems:
        assert not any(re.fullmatch(other, problem) for other in others), problem


def pattern(trap: Trap) -> str:
    return re.escape(trap.says).replace(r"\{apart:\.2f\}", r"[\d.]+")


def test_a_peak_of_255_on_unit_images_is_named() -> None:
    def peak_255(predicted: Images, truth: Images) -> float:
        return float(peak_signal_noise_ratio(truth, predicted, data_range=255))

    with np.errstate(divide="ignore"):
        verdict = verdict_on("psnr", per_image(peak_255))
    assert "48.13 dB too high: peak 255 on images in [0, 1]" in verdict.problems
    assert "inf on 'exact copy', where 100 is expected" in verdict.problems


def test_unit_images_in_an_lpips_network_are_named() -> None:
    def unscaled(predicted: Images, truth: Images, judge: Any) -> Any:
        first, second = (torch.from_numpy(x).permute(0, 3, 1, 2) for x in (predicted, truth))
        return judge(first, second).mean()

    verdict = verdict_on("lpips", unscaled)
    assert verdict.problems == ("images reach the network in [0, 1]; it expects [-1, 1]",)


def test_the_psnr_of_the_mean_error_is_named() -> None:
    def psnr(predicted: Images, truth: Images) -> float:
        return float(min(100, -10 * np.log10(max(((predicted - truth) ** 2).mean(), 1e-10))))

    verdict = verdict_on("psnr", psnr)
    expected = "it is the PSNR of the mean error; take the mean of each image's"
    assert verdict.problems == (expected,)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data_range": 255, "gaussian_weights": True}, "covariance|data range 255"),
        ({"data_range": 1}, "uniform 7 x 7 window, covariance of a sample; .*"),
        (
            {"data_range": 1, "gaussian_weights": True},
            r"covariance of a sample \(times 121/120\).*",
        ),
    ],
)
def test_other_settings_of_scikit_image_are_named(options: dict[str, Any], says: str) -> None:
    def ssim(predicted: Images, truth: Images) -> float:
        return float(structural_similarity(truth, predicted, channel_axis=2, **options))

    verdict = verdict_on("ssim", per_image(ssim))
    assert not verdict.ok
    assert any(re.match(says, problem) for problem in verdict.problems)


def test_the_mirrored_border_of_torchmetrics_is_named() -> None:
    def ssim(predicted: Images, truth: Images) -> Any:
        first, second = (
            torch.from_numpy(x).permute(0, 3, 1, 2).float() for x in (predicted, truth)
        )
        return structural_similarity_index_measure(first, second, data_range=1.0)

    border, flat = verdict_on("ssim", ssim).problems
    assert border == "windows across the mirrored border count"
    assert flat.startswith("0.9747")  # float32 is 3e-5 off where the variance should be 0
    assert flat.endswith("on 'flat', where 0.974771 is expected")


# What a function may ask for and return ---------------------------------------------------------


def test_a_function_that_asks_for_something_else_is_told_what_there_is() -> None:
    def l1(reconstruction: Images, truth: Images) -> float:
        return 0.0

    verdict = verdict_on("l1", l1)
    assert (verdict.ok, verdict.got, verdict.apart) == (False, None, None)
    assert verdict.problems == (
        "asks for reconstruction; the arguments are predicted, truth, judge",
    )


def test_values_per_image_are_refused_and_so_is_an_exception() -> None:
    def l1(predicted: Images, truth: Images) -> Any:
        return np.abs(predicted - truth)

    def mse(predicted: Images, truth: Images) -> float:
        raise KeyError("my bug")

    (problem, *_) = verdict_on("l1", l1).problems
    assert problem.startswith("gives no single number: TypeError: ")
    assert verdict_on("mse", mse).problems == ("gives no single number: KeyError: 'my bug'",)


def test_a_function_that_spoils_its_arguments_harms_no_other() -> None:
    def l1(predicted: Images, truth: Images) -> float:
        predicted -= truth
        return float(np.abs(predicted).mean())

    assert verdict_on("l1", l1).ok
    assert (read_vectors()[0][0].arrays["truth"] == CASES[0].arrays["truth"]).all()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def my_psnr(): ...", "has no function to check; name it advantage_over_majority, "),
        ("import nowhere_to_be_found", "cannot be imported: ModuleNotFoundError: No module named"),
        ("def psnr(:", "cannot be imported: SyntaxError: "),
    ],
)
def test_a_file_that_cannot_be_checked(tmp_path: Path, code: str, sentence: str) -> None:
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(UsageError, match=sentence):
        conformance(tmp_path / "mine.py")
    with pytest.raises(MissingData, match="there is no such file of metrics"):
        conformance(tmp_path / "none.py")


def test_a_file_sees_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_mine.py").write_text("HALF = 0.5\n")
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from neighbour_of_mine import HALF\ndef mse(predicted, truth):\n"
        "    return 2 * HALF * ((predicted - truth) ** 2).mean()\n"
    )
    assert conformance(mine).ok
