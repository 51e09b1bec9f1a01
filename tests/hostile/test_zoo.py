"""Weights of our architectures: what was trained answers alike, what is wrong is refused."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from leakboard.evaluate import SubmittedModel, fit_attack
from leakboard.evaluate.runners.exchange import Refused, Task
from leakboard.evaluate.runners.zoo_model import load
from leakboard.evaluate.sandbox.sandbox import Sandbox
from leakboard.evaluate.zoo import Mask
from leakboard.schemas import BadModel, Release, Setting, Track, UsageError

TASK = Task("attribute", activation=(2, 3, 3), classes=3, side=16)
WEIGHTS = Mask().network(TASK).state_dict()
METADATA = {"architecture": "mask", "options": "{}"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "options"),
    [
        ("attribute_classifier", {"capacity": "large"}),
        ("mask_classifier", {}),
        ("mask_classifier", {"reads": "mask_and_activation"}),
        ("decoder", {"loss": "l1"}),
    ],
)
def test_a_saved_model_answers_as_the_attack_that_was_trained(
    release_of: Callable[[str], Release],
    sandbox: Sandbox,
    tmp_path: Path,
    attack: str,
    options: Mapping[str, Any],
) -> None:
    release = release_of("random_pruning")
    fitted = fit_attack(release, attack, {**options, "epochs": 1})
    fitted.save_model(tmp_path / "m.safetensors")
    expected = fitted.predict("test")
    track, held = expected.header.track, expected.header.auxiliary_records
    theirs = SubmittedModel(tmp_path / "m.safetensors", "x", track, Setting.AUXILIARY, held)
    answered = theirs.predict(release, "test", seconds=120)
    assert answered.sample_ids == expected.sample_ids
    distance = np.abs(answered.values.astype(np.float64) - expected.values)
    assert distance.max() <= (1e-5 if track is Track.ATTRIBUTE else 1)  # a grey level of 255


@pytest.mark.slow
def test_a_model_of_the_other_track_is_refused(
    release: Release, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "m.safetensors").write_bytes(save(WEIGHTS, METADATA))
    theirs = SubmittedModel(
        tmp_path / "m.safetensors", "x", Track.RECONSTRUCTION, Setting.AUXILIARY, 0
    )
    with pytest.raises(BadModel, match="is of the attribute track, not reconstruction"):
        theirs.predict(release, "test", seconds=120)


def test_an_attack_without_a_network_saves_none(release: Release, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trains no network"):
        fit_attack(release, "prior", {}).save_model(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def with_header(header: object) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def tensor(*offsets: int, shape: tuple[int, ...] = (1,)) -> dict[str, Any]:
    return {"dtype": "F32", "shape": list(shape), "data_offsets": list(offsets)}


def named(architecture: str, options: str = "{}") -> bytes:
    return save(WEIGHTS, {"architecture": architecture, "options": options})


LARGE = json.dumps({"whitening": {"components": 10**9, "patch": 3}, "capacity": "small"})
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "header_of_exabytes": (lambda: b"\xff" * 8 + b"{", "reading it as safetensors failed"),
    "header_beyond_the_file": (lambda: (2**20).to_bytes(8, "little") + b"{}", "reading it"),
    "header_that_is_no_json": (lambda: (4).to_bytes(8, "little") + b"{{{{", "reading it"),
    "tensor_beyond_the_file": (lambda: with_header({"a": tensor(0, 4)}), "reading it"),
    "tensor_before_the_file": (lambda: with_header({"a": tensor(-4, 0)}), "reading it"),
    "tensors_on_one_another": (
        lambda: with_header({"a": tensor(0, 4), "b": tensor(0, 4)}) + bytes(4),
        "reading it",
    ),
    "tensor_of_overflowing_size": (
        lambda: with_header({"a": tensor(0, 4, shape=(2**62, 4))}) + bytes(4),
        "reading it",
    ),
    "pickle_after_a_header": (lambda: b"\x80\x04N." + bytes(9), "reading it"),
    "no_metadata": (lambda: save(WEIGHTS), "names the architecture ''"),
    "architecture_that_there_is_not": (lambda: named("maks"), "did you mean 'mask'"),
    "architecture_by_its_path": (lambda: named("os:system"), "which there is not"),
    "options_that_are_no_json": (lambda: named("mask", "{'a'}"), "are not JSON"),
    "options_without_end": (lambda: named("mask", "[" * 10**5), "are not JSON"),
    "option_that_there_is_not": (lambda: named("mask", '{"x": 1}'), "unknown key 'x'"),
    "options_of_a_huge_network": (lambda: named("classifier", LARGE), "whitening.components"),
    "weights_missing": (
        lambda: save({"1.bias": WEIGHTS["1.bias"]}, METADATA),
        "5 weights are missing, the first is '1.weight'",
    ),
    "weights_without_a_place": (
        lambda: save({**WEIGHTS, "evil": torch.ones(1)}, METADATA),
        "1 weights have no place",
    ),
    "weights_of_another_size": (
        lambda: save({**WEIGHTS, "1.bias": torch.ones(3)}, METADATA),
        r"1.bias has the shape \(3,\), but \(256,\) is expected",
    ),
    "weights_that_are_no_numbers": (
        lambda: save({**WEIGHTS, "1.bias": torch.full((256,), torch.nan)}, METADATA),
        "1.bias holds a number that is not finite",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    make, reason = HOSTILE[name]
    (tmp_path / "file").write_bytes(make())
    with pytest.raises(Refused, match=reason):
        load(tmp_path / "file", TASK)


def test_weights_may_be_stored_in_half_precision(tmp_path: Path) -> None:
    halves = {name: value.half() for name, value in WEIGHTS.items()}
    (tmp_path / "file").write_bytes(save(halves, METADATA))
    answers = load(tmp_path / "file", TASK)(np.ones((5, 2, 3, 3), np.float32))
    assert answers.shape == (5, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-6)
