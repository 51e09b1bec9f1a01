"""Models in the sandbox: honest ones answer, the others end in a stated refusal or failure."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from leakboard.cli import cli
from leakboard.evaluate import SubmittedModel, read_records, score
from leakboard.evaluate.runners.exchange import Task
from leakboard.evaluate.sandbox.sandbox import Outcome, Sandbox
from leakboard.schemas import BadModel, Release, Setting, Track, default_truth

from .conftest import CANARY
from .onnx_files import constant, elsewhere, endless, linear, model, node

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sandbox")]

Make = Callable[[Task], onnx.ModelProto | bytes]
SECONDS = 60.0


def task_of(release: Release, track: Track) -> Task:
    manifest = release.manifest
    return Task(
        track=track.value,
        activation=manifest.client.activation_shape,
        classes=len(manifest.sensitive.classes),
        side=manifest.dataset.image_size,
    )


def submitted(path: Path, track: Track, made: onnx.ModelProto | bytes) -> SubmittedModel:
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return SubmittedModel(path, "theirs", track, Setting.AUXILIARY, auxiliary_records=7)


def test_a_linear_model_answers_as_numpy_does(release: Release, tmp_path: Path) -> None:
    task = task_of(release, Track.ATTRIBUTE)
    weights = np.random.default_rng(0).normal(size=(np.prod(task.activation), task.classes))
    made = linear(task, weights.astype(np.float32))
    theirs = submitted(tmp_path / "m.onnx", Track.ATTRIBUTE, made)
    predictions = theirs.predict(release, "test", seconds=SECONDS)
    records = read_records(release, "test").first_queries()
    logits = records.activation.numpy().reshape(len(records), -1).astype(np.float64) @ weights
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictions.values, expected, atol=1e-4)
    assert predictions.sample_ids == records.sample_id
    again = theirs.predict(release, "test", seconds=SECONDS)
    assert again.values.tobytes() == predictions.values.tobytes()


def test_the_command_writes_what_is_scored(release: Release, tmp_path: Path) -> None:
    task = task_of(release, Track.RECONSTRUCTION)
    nodes = [
        node("ReduceMean", ["z"], ["mean"], axes=[1], keepdims=1),
        node("Sigmoid", ["mean"], ["grey"]),
        node("Concat", ["grey", "grey", "grey"], ["small"], axis=1),
        node("Resize", ["small", "", "scales"], ["p"], mode="nearest"),
    ]
    scale = task.side / task.activation[1]
    made = model(task, nodes, {"scales": np.array([1, 1, scale, scale], np.float32)})
    path, out = tmp_path / "grey.onnx", tmp_path / "p.parquet"
    submitted(path, Track.RECONSTRUCTION, made)
    arguments = f"{release.folder} {path} --track reconstruction --images 10 --out {out}"
    cli.main(["run-model", *arguments.split()], standalone_mode=False)
    report = score(release, out)
    assert (report.attack, report.split, report.asked) == ("grey", "validation", 10)
    assert report.headline.n == 10


def adds(*nodes: onnx.NodeProto, **weights: float) -> Make:
    """Even probabilities, to which what the nodes make of the numbers is added."""
    arrays = {name: np.array([value], np.float32) for name, value in weights.items()}
    return lambda task: constant(task, nodes, arrays)


def giant(task: Task) -> onnx.ModelProto:
    """A product of two matrices that takes hours."""
    nodes = [
        node("ConstantOfShape", ["side"], ["a"]),
        node("MatMul", ["a", "a"], ["b"]),
        node("ReduceSum", ["b"], ["extra"], keepdims=0),
    ]
    return constant(task, nodes, {"side": np.array([12000, 12000])})


def huge(task: Task) -> onnx.ModelProto:
    """A tensor of terabytes, made of a number that is known only when the model runs."""
    nodes = [
        node("Shape", ["z"], ["shape"]),
        node("ReduceProd", ["shape"], ["numbers"], keepdims=1),
        node("Mul", ["numbers", "many"], ["size"]),
        node("ConstantOfShape", ["size"], ["a"]),
        node("ReduceSum", ["a"], ["extra"], keepdims=0),
    ]
    return constant(task, nodes, {"many": np.array([10**8])})


def grows(task: Task) -> onnx.ModelProto:
    """Doubles a tensor again and again: no node is large by itself."""
    nodes = [node("Concat", [f"x{n}", f"x{n}"], [f"x{n + 1}"], axis=0) for n in range(34)]
    last = node("ReduceSum", ["x34"], ["extra"], keepdims=0)
    return constant(task, [*nodes, last], {"x0": np.zeros(2**10, np.float32)})


def undeclared(nodes: Sequence[onnx.NodeProto]) -> Make:
    """A model that does not say which shape it answers."""

    def make(task: Task) -> onnx.ModelProto:
        made = model(task, nodes, {"few": np.array([1, -1])})
        made.graph.output[0].type.tensor_type.ClearField("shape")
        return made

    return make


def steals(location: str) -> Make:
    def make(task: Task) -> onnx.ModelProto:
        made = constant(task, [], {"extra": np.zeros(1, np.float32)})
        for tensor in made.graph.initializer:
            if tensor.name == "extra":
                tensor.CopyFrom(elsewhere("extra", location, 1))
        return made

    return make


def mistyped(task: Task) -> onnx.ModelProto:
    made = linear(task, np.ones((np.prod(task.activation), task.classes), np.float32))
    made.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    return made


def unknown(task: Task) -> onnx.ModelProto:
    return constant(task, [helper.make_node("Exfiltrate", ["zero"], ["extra"])])


HOSTILE: dict[str, tuple[Make, str]] = {
    "weights_are_the_truth": (steals("/canary"), "weights lie in other files"),
    "weights_are_the_activations": (steals("activations.npy"), "weights lie in other files"),
    "loops_for_ever": (endless, "it loops"),
    "one_giant_operator": (giant, "stopped at the limit of (time|cpu)"),
    "one_huge_tensor": (huge, "running it failed|limit of memory"),
    "grows_without_end": (grows, "failed|limit of memory"),
    "operator_that_is_unknown": (unknown, "loading it with ONNX Runtime failed"),
    "no_numbers": (adds(node("Div", ["x", "x"], ["extra"]), x=0), "not finite"),
    "infinite_numbers": (adds(node("Div", ["y", "x"], ["extra"]), x=0, y=1), "not finite"),
    "negative_probabilities": (adds(node("Neg", ["x"], ["extra"]), x=1), "no probabilities"),
    "more_than_certain": (adds(node("Neg", ["x"], ["extra"]), x=-1), "no probabilities"),
    "one_answer_for_all": (
        undeclared([node("Reshape", ["z", "few"], ["p"])]),
        r"gave float32 \(1, \d+\), but the attribute track expects floats",
    ),
    "answers_of_another_type": (mistyped, "loading it with ONNX Runtime failed"),
    "bytes_without_meaning": (lambda task: b"\x08\x08" + bytes(range(256)), "cannot be parsed"),
    "nothing_at_all": (lambda task: b"", "it has 0 inputs"),
    "pickle_as_text": (lambda task: b"cos\nsystem\n(S'true'\ntR.", "cannot be parsed"),
    "cut_short": (
        lambda task: endless(task).SerializeToString()[:-20],
        "cannot be parsed|weights|it has",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_ends_in_a_stated_refusal(
    release: Release, truth: Path, tmp_path: Path, name: str
) -> None:
    make, reason = HOSTILE[name]
    made = make(task_of(release, Track.ATTRIBUTE))
    theirs = submitted(tmp_path / "m.onnx", Track.ATTRIBUTE, made)
    seconds = 4 if "time" in reason else SECONDS
    with pytest.raises(BadModel) as refused:
        theirs.predict(release, "validation", seconds=seconds)
    assert re.search(reason, str(refused.value))
    assert str(theirs.path) in str(refused.value)
    assert CANARY not in str(refused.value)


def test_pixels_beyond_their_range_are_refused(release: Release, tmp_path: Path) -> None:
    task = task_of(release, Track.RECONSTRUCTION)
    shape = {"value": helper.make_tensor("v", TensorProto.FLOAT, [1], [2.0])}
    nodes = [
        node("Shape", ["z"], ["n"], start=0, end=1),
        node("Concat", ["n", "image"], ["size"], axis=0),
        node("ConstantOfShape", ["size"], ["p"], **shape),
    ]
    made = model(task, nodes, {"image": np.array(task.answer)})
    theirs = submitted(tmp_path / "m.onnx", Track.RECONSTRUCTION, made)
    with pytest.raises(BadModel, match=r"reach from 2 to 2, but pixels lie in \[0, 1\]"):
        theirs.predict(release, "validation", seconds=SECONDS)


def test_a_model_is_not_shown_the_release(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what the sandbox shows it nothing is the release's or its truth's."""
    shown: list[Path] = []
    run = Sandbox.run

    def seen(self: Sandbox, command: Any, inputs: dict[str, Path], *rest: Any) -> Outcome:
        shown.extend(inputs.values())
        return run(self, command, inputs, *rest)

    monkeypatch.setattr(Sandbox, "run", seen)
    task = task_of(release, Track.ATTRIBUTE)
    weights = np.ones((int(np.prod(task.activation)), task.classes), np.float32)
    theirs = submitted(tmp_path / "m.onnx", Track.ATTRIBUTE, linear(task, weights))
    theirs.predict(release, "validation", seconds=SECONDS)
    assert len(shown) > 3
    for folder in (release.folder, default_truth(release.folder)):
        assert not any(path.is_relative_to(folder) for path in shown)
        assert not any(folder.is_relative_to(path) for path in shown)
