"""ONNX files made for tests: one that answers well, and those that try something."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from leakboard.evaluate.runners.exchange import Task

Arrays = Mapping[str, NDArray[Any]]
NAMES = Sequence[str]


def node(kind: str, given: NAMES, made: NAMES, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, given, made, **attributes)


def model(
    task: Task, nodes: Sequence[onnx.NodeProto], weights: Arrays | None = None
) -> onnx.ModelProto:
    """A graph of these nodes from `z`, the activations, to `p`, the answers to the task."""
    tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    shapes: dict[str, list[str | int | None]] = {
        "z": ["N", *task.activation],
        "p": ["N", *task.answer],
    }
    (z, p) = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items())
    graph = helper.make_graph(nodes, "graph", [z], [p], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def linear(task: Task, weights: NDArray[np.float32], *after: onnx.NodeProto) -> onnx.ModelProto:
    """Softmax of a linear map (C H W, K) of the activation; `after` goes from `q` to `p`."""
    nodes = [
        node("Flatten", ["z"], ["flat"]),
        node("MatMul", ["flat", "weights"], ["logits"]),
        node("Softmax", ["logits"], ["q" if after else "p"]),
    ]
    return model(task, [*nodes, *after], {"weights": weights})


def constant(
    task: Task, nodes: Sequence[onnx.NodeProto], weights: Arrays | None = None
) -> onnx.ModelProto:
    """A graph of these nodes makes `extra`, one number, which is added to even probabilities."""
    even = np.full((1, task.classes), 1 / task.classes, np.float32)
    zeros = np.zeros((int(np.prod(task.activation)), task.classes), np.float32)
    head = [
        node("Flatten", ["z"], ["flat"]),
        node("MatMul", ["flat", "zeros"], ["none"]),
        node("Add", ["none", "even"], ["q"]),
        node("Add", ["q", "extra"], ["p"]),
    ]
    return model(task, [*nodes, *head], {"even": even, "zeros": zeros, **(weights or {})})


def endless(task: Task, kind: str = "Loop") -> onnx.ModelProto:
    """A loop whose condition never becomes false."""
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Identity", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]),
        ],
    )
    weights = {
        "trips": np.array(2**62),
        "yes": np.array(True),
        "zero": np.zeros(1, np.float32),
    }
    return constant(task, [node(kind, ["trips", "yes", "zero"], ["extra"], body=body)], weights)


def branch(inner: Sequence[onnx.NodeProto], made: str) -> onnx.NodeProto:
    """An If of which both branches are these nodes."""
    value = helper.make_tensor_value_info(made, TensorProto.FLOAT, None)
    graphs = [helper.make_graph(inner, name, [], [value]) for name in ("then", "else")]
    return node("If", ["yes"], [made], then_branch=graphs[0], else_branch=graphs[1])


def elsewhere(name: str, location: str, *shape: int) -> onnx.TensorProto:
    """A tensor whose numbers lie in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor
