"""ONNX files that are refused before they are run, with every reason."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from leakboard.evaluate.runners.exchange import Task
from leakboard.evaluate.runners.onnx_checks import MOST_NODES, problems_of

from .onnx_files import branch, constant, elsewhere, endless, linear, model, node

TASK = Task("attribute", activation=(2, 3, 3), classes=3, side=16)
GOOD = linear(TASK, np.ones((18, 3), np.float32))


def changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    """The good model with one thing changed."""
    copy = onnx.ModelProto()
    copy.CopyFrom(GOOD)
    change(copy)
    return copy


def external(location: str) -> onnx.ModelProto:
    return changed(lambda m: m.graph.initializer[0].CopyFrom(elsewhere("weights", location, 18, 3)))


def hidden_external() -> onnx.ModelProto:
    value = node("Constant", [], ["extra"], value=elsewhere("x", "../truth", 1))
    return constant(TASK, [branch([value], "extra")], {"yes": np.array(True)})


def sparse_external() -> onnx.ModelProto:
    values, places = elsewhere("v", "truth", 1), elsewhere("i", "truth", 1)
    sparse = onnx.SparseTensorProto(values=values, indices=places, dims=[18, 3])
    return changed(lambda m: m.graph.sparse_initializer.append(sparse))


def mentions_external() -> onnx.ModelProto:
    """The entries of external data, under a tensor that says that it has none."""

    def mention(m: onnx.ModelProto) -> None:
        m.graph.initializer[0].external_data.add(key="location", value="truth")

    return changed(mention)


def deep(levels: int) -> onnx.ModelProto:
    inner = node("Constant", [], ["extra"], value_floats=[0.0])
    for _ in range(levels):
        inner = branch([inner], "extra")
    return constant(TASK, [inner], {"yes": np.array(True)})


def recursive_function() -> onnx.ModelProto:
    opset = helper.make_opsetid("own", 1)
    function = helper.make_function(
        "own", "Again", ["x"], ["y"], [node("Again", ["x"], ["y"], domain="own")], [opset]
    )

    def add(m: onnx.ModelProto) -> None:
        m.functions.append(function)

    return changed(add)


def retyped(kind: int) -> onnx.ModelProto:
    return changed(lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", kind))


def resized(where: str, axis: int, size: int) -> onnx.ModelProto:
    def resize(m: onnx.ModelProto) -> None:
        value = getattr(m.graph, where)[0]
        value.type.tensor_type.shape.dim[axis].dim_value = size

    return changed(resize)


HOSTILE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "weights_up_the_folders": (lambda: external("../../truth"), "weights lie in other files"),
    "weights_at_a_path": (lambda: external("/etc/passwd"), "weights lie in other files"),
    "weights_beside_it": (lambda: external("activations.npy"), "weights lie in other files"),
    "weights_of_a_process": (lambda: external("/proc/self/environ"), "weights lie in other files"),
    "weights_in_a_branch": (hidden_external, "weights lie in other files"),
    "weights_of_a_sparse_tensor": (sparse_external, "weights lie in other files"),
    "weights_that_are_only_mentioned": (mentions_external, "weights lie in other files"),
    "loops_for_ever": (lambda: endless(TASK), "it loops (Loop)"),
    "scans_for_ever": (lambda: endless(TASK, "Scan"), "it loops (Scan)"),
    "maps_for_ever": (lambda: endless(TASK, "SequenceMap"), "it loops (SequenceMap)"),
    "loops_in_a_branch": (
        lambda: constant(TASK, [branch([endless(TASK).graph.node[0]], "extra")]),
        "it loops (Loop)",
    ),
    "operator_of_a_vendor": (
        lambda: constant(TASK, [node("Gelu", ["zero"], ["extra"], domain="com.microsoft")]),
        "operators of com.microsoft",
    ),
    "operator_of_its_own": (
        lambda: constant(TASK, [node("Exec", [], ["extra"], domain="evil\n")]),
        "operators of evil",
    ),
    "operator_set_of_a_vendor": (
        lambda: changed(lambda m: m.opset_import.append(helper.make_opsetid("evil", 1))),
        "operators of evil",
    ),
    "function_that_calls_itself": (recursive_function, "functions of its own"),
    "training_graph": (lambda: changed(lambda m: m.training_info.add()), "a training graph"),
    "nests_graphs": (lambda: deep(5), "nests graphs 5 deep"),
    "nodes_without_number": (
        lambda: changed(lambda m: m.graph.node.extend([m.graph.node[0]] * (MOST_NODES + 1))),
        "are the most that is run",
    ),
    "input_of_other_channels": (lambda: resized("input", 1, 3), "its input has the shape"),
    "input_of_one_record": (lambda: resized("input", 0, 1), "a free number of records"),
    "input_of_integers": (lambda: retyped(TensorProto.INT64), "not float32 or float16"),
    "input_of_text": (lambda: retyped(TensorProto.STRING), "not float32 or float16"),
    "no_input": (lambda: changed(lambda m: m.graph.ClearField("input")), "it has 0 inputs"),
    "two_inputs": (
        lambda: changed(lambda m: m.graph.input.append(m.graph.input[0])),
        "it has 2 inputs",
    ),
    "output_of_other_classes": (lambda: resized("output", 1, 4), "its output has the shape"),
    "no_output": (lambda: changed(lambda m: m.graph.ClearField("output")), "it has 0 outputs"),
    "two_outputs": (
        lambda: changed(lambda m: m.graph.output.append(m.graph.output[0])),
        "it has 2 outputs",
    ),
    "nothing": (onnx.ModelProto, "it has 0 inputs"),
}


def test_a_good_model_has_no_problem() -> None:
    assert problems_of(GOOD.SerializeToString(), TASK) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_its_reason(name: str) -> None:
    make, reason = HOSTILE[name]
    assert any(reason in problem for problem in problems_of(make().SerializeToString(), TASK))


def test_every_problem_is_named_at_once() -> None:
    wrong = endless(TASK)
    wrong.graph.initializer[0].CopyFrom(elsewhere("even", "truth", 1, 3))
    wrong.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    wrong.graph.output.append(wrong.graph.output[0])
    wrong.opset_import.append(helper.make_opsetid("evil", 1))
    assert len(problems_of(wrong.SerializeToString(), TASK)) == 5


def test_graphs_nested_without_end_cannot_be_parsed() -> None:
    (problem,) = problems_of(bomb(1000), TASK)
    assert "cannot be parsed" in problem


def bomb(levels: int) -> bytes:
    """A graph in an attribute of a node of a graph, and so on, written by hand."""
    content = b""
    for _ in range(levels):
        for field in (6, 5, 1):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            content = prefixed(field, content)
    return prefixed(7, content)


def prefixed(field: int, content: bytes) -> bytes:
    length, size = len(content), bytearray()
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes([field << 3 | 2, *size, length]) + content


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_end_in_a_verdict(content: bytes) -> None:
    assert isinstance(problems_of(content, TASK), list)


@given(st.integers(0, len(GOOD.SerializeToString()) - 1), st.integers(0, 7))
@settings(max_examples=300)
def test_any_flipped_bit_ends_in_a_verdict(position: int, bit: int) -> None:
    content = bytearray(GOOD.SerializeToString())
    content[position] ^= 1 << bit
    assert isinstance(problems_of(bytes(content), TASK), list)


def test_images_are_answered_on_the_reconstruction_track() -> None:
    task = Task("reconstruction", activation=(2, 3, 3), classes=3, side=16)
    nodes = [node("Resize", ["z", "", "", "sizes"], ["p"])]
    assert problems_of(model(task, nodes).SerializeToString(), task) == []
    (problem,) = problems_of(model(task, nodes).SerializeToString(), TASK)
    assert "its output has the shape (any, 3, 16, 16), but (any, 3) is expected" in problem
