"""What an ONNX file must be before it is run: one graph of known operators, whole in one file."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import onnx
from google.protobuf.message import DecodeError, Message

from .exchange import Task

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
LOOPS = ("Loop", "Scan", "SequenceMap")
MOST_NODES = 5000
MOST_NESTED = 2  # graphs within graphs
M = TypeVar("M", bound=Message)
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)


def problems_of(content: bytes, task: Task) -> list[str]:
    """Name everything for which a file is refused; an empty list: none."""
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        return ["it cannot be parsed as ONNX; export it again with torch.onnx.export"]
    return [*_foreign(model), *_parts(model), *_shapes(model.graph, task)]


def _foreign(model: onnx.ModelProto) -> Iterator[str]:
    """Operators of elsewhere, functions and training graphs."""
    domains = {opset.domain for opset in model.opset_import}
    domains |= {node.domain for node in _messages(model, onnx.NodeProto)}
    if strangers := sorted(domains.difference(DOMAINS)):
        yield f"it uses operators of {_listed(strangers)}; only those of ONNX itself are run"
    if model.functions:
        yield f"it defines {len(model.functions)} functions of its own; inline them"
    if model.training_info:
        yield "it holds a training graph; export it for inference"


def _parts(model: onnx.ModelProto) -> Iterator[str]:
    """External data, loops, and too much of anything."""
    tensors = list(_messages(model, onnx.TensorProto))
    if any(t.data_location == onnx.TensorProto.EXTERNAL or t.external_data for t in tensors):
        yield "weights lie in other files; save it with all its weights in the one file"
    nodes = list(_messages(model, onnx.NodeProto))
    if len(nodes) > MOST_NODES:
        yield f"it has {len(nodes)} nodes; {MOST_NODES} are the most that is run"
    if loops := sorted({node.op_type for node in nodes}.intersection(LOOPS)):
        yield f"it loops ({_listed(loops)}), perhaps without end; unroll it"
    if (depth := _depth(model.graph)) > MOST_NESTED:
        yield f"it nests graphs {depth} deep; {MOST_NESTED} is the most that is run"


def _shapes(graph: onnx.GraphProto, task: Task) -> Iterator[str]:
    """One input and one output, of the shapes that the release and the track have."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    yield from _fits("input", inputs, task.activation)
    yield from _fits("output", graph.output, task.answer)


def _fits(
    what: str, values: Sequence[onnx.ValueInfoProto], shape: tuple[int, ...]
) -> Iterator[str]:
    if len(values) != 1:
        yield f"it has {len(values)} {what}s; one of the shape (N, {_listed(shape)}) is expected"
        return
    tensor = values[0].type.tensor_type
    if what == "output" and not tensor.HasField("shape"):
        return  # it is seen when the model runs
    if tensor.elem_type not in FLOATS:
        yield f"its {what} is not float32 or float16"
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim]
    free = sizes[:1] == [None]
    fits = all(size in (None, of) for size, of in zip(sizes[1:], shape, strict=False))
    if not free or len(sizes) != 1 + len(shape) or not fits:
        shown = ", ".join("any" if size is None else str(size) for size in sizes)
        yield (
            f"its {what} has the shape ({shown}), but (any, {_listed(shape)}) is expected, with a "
            "free number of records"
        )


def _listed(parts: Iterable[object]) -> str:
    return ", ".join(map(str, parts))


def _messages(message: Message, kind: type[M]) -> Iterator[M]:
    """Every message of a kind, however deep: Protobuf itself allows a hundred levels."""
    if isinstance(message, kind):
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else (value,):
                yield from _messages(part, kind)


def _depth(graph: onnx.GraphProto) -> int:
    inner = [
        part
        for node in graph.node
        for attribute in node.attribute
        for part in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else []))
    ]
    return max((1 + _depth(part) for part in inner), default=0)
