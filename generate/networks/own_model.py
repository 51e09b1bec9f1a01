"""A network of the user's own: made from its object path, and cut in two at a submodule.

The cut is made in the network's torch.fx graph, so that the client runs nothing after the split
layer and the task network nothing before it.
"""

import inspect
import pkgutil
from collections.abc import Callable
from itertools import chain
from typing import Any, get_type_hints

import torch
from torch import fx, nn

from ...schemas import BadConfig, UnknownName
from ...schemas.errors import nearest

CALLS = ("call_module", "call_function", "call_method")


def make_module(path: str) -> nn.Module:
    """Make the module at the object path `my_package.my_models:make_net`.

    A class derived from `torch.nn.Module`, or a function whose annotation says that it returns
    one: a release names this path, and opening it must not call just anything that is importable.
    """
    where = f"client.network {path!r}"
    try:
        found = pkgutil.resolve_name(path)
        made = found if inspect.isclass(found) else _returned(found)
        modular = inspect.isclass(made) and issubclass(made, nn.Module)
    except Exception as problem:  # their module may raise anything while it is imported
        raise UnknownName(
            f"{where} cannot be imported ({_reason(problem)}); install the package that holds it, "
            "or put its folder on PYTHONPATH"
        ) from problem
    if not modular:
        raise UnknownName(
            f"{where} is neither a class derived from torch.nn.Module nor a function annotated to "
            "return one, as in `def make_net() -> nn.Module`"
        )
    if needed := _needed(found):
        raise BadConfig(
            f"{where} needs the argument {needed!r}; name a function without arguments that "
            "returns the network"
        )
    module: nn.Module = _run(where, "cannot be made", found)
    return module


def _returned(function: Any) -> Any:
    return get_type_hints(function).get("return") if inspect.isfunction(function) else None


def _needed(maker: Callable[..., Any]) -> str | None:
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(maker).parameters.values()
    return next(
        (p.name for p in parameters if p.default is p.empty and p.kind not in optional), None
    )


def cut(network: nn.Module, split_layer: str) -> tuple[fx.GraphModule, fx.GraphModule, int]:
    """Cut at the output of the submodule `split_layer`: client, task network, and its position.

    The position counts the operations of the client from 0. Raises `BadConfig` where the graph
    cannot be had, the split layer is not called exactly once, or a value or a weight is used on
    both sides.
    """
    names = [name for name, _ in network.named_modules() if name]
    if split_layer not in names:
        raise BadConfig(
            f"client.split_layer: the network has no submodule {split_layer!r}: "
            f"{nearest(split_layer, names)}"
        )
    graph = _traced(network, split_layer)
    called = [n for n in graph.nodes if n.op == "call_module" and n.target == split_layer]
    if len(called) != 1:
        raise BadConfig(
            f"client.split_layer: {split_layer!r} is called {len(called)} times by the network; "
            "name a submodule that is called exactly once"
        )
    (split,) = called
    before = _ancestors(split)
    _refuse_bypass(graph, split, before)
    images = next(node for node in graph.nodes if node.op == "placeholder")
    client = _part(graph, before.__contains__, starts_at=images, ends_at=split)
    task_network = _part(graph, lambda node: node not in before, starts_at=split)
    parts = fx.GraphModule(network, client), fx.GraphModule(network, task_network)
    _refuse_shared(*parts)
    return *parts, sum(node.op in CALLS for node in before) - 1


class _Tracer(fx.Tracer):
    """Traces through everything but torch's own layers and the split layer."""

    def __init__(self, split_layer: str) -> None:
        super().__init__()
        self.split_layer = split_layer

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Keep the split layer in one piece."""
        return module_qualified_name == self.split_layer or super().is_leaf_module(
            m, module_qualified_name
        )


def _traced(network: nn.Module, split_layer: str) -> fx.Graph:
    graphs = []
    for mode in (True, False):
        network.train(mode)
        graph = _run("client.network", "cannot be traced", _Tracer(split_layer).trace, network)
        traced = fx.GraphModule(network, graph)
        traced.graph.eliminate_dead_code()
        graphs.append(traced.graph)
    if str(graphs[0]) != str(graphs[1]):
        raise BadConfig(
            "client.network: the forward pass depends on `self.training`, which a traced graph "
            "cannot follow; use modules such as nn.Dropout instead"
        )
    inputs = [node.name for node in graphs[0].nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        raise BadConfig(
            f"client.network: expected a forward pass with one argument, the images, but got "
            f"{', '.join(inputs) or 'none'}"
        )
    return graphs[0]


def _ancestors(node: fx.Node) -> set[fx.Node]:
    """The node and all that it is computed from."""
    found, waiting = {node}, [node]
    while waiting:
        fresh = set(waiting.pop().all_input_nodes) - found
        found |= fresh
        waiting += fresh
    return found


def _refuse_bypass(graph: fx.Graph, split: fx.Node, before: set[fx.Node]) -> None:
    for node in graph.nodes:
        used = [user.name for user in node.users if user not in before]
        is_input = node.op == "placeholder" and node not in before
        if is_input or (node in before and node is not split and used):
            raise BadConfig(
                f"client.split_layer: the value {node.name!r} bypasses {split.target!r} and is "
                f"used by {', '.join(used) or 'nothing'}, so that more than one activation would "
                "have to be sent; split where a single value passes"
            )


def _part(
    graph: fx.Graph,
    kept: Callable[[fx.Node], bool],
    *,
    starts_at: fx.Node,
    ends_at: fx.Node | None = None,
) -> fx.Graph:
    """Copy the nodes that are kept; what enters is made contiguous, because views need that."""
    part = fx.Graph()
    entered = part.call_method("contiguous", (part.placeholder("entering"),))
    copies = {starts_at: entered}
    for node in graph.nodes:
        if kept(node) and node is not starts_at:
            copies[node] = part.node_copy(node, copies.__getitem__)
    if ends_at is not None:
        part.output(copies[ends_at])
    return part


def _refuse_shared(client: nn.Module, task_network: nn.Module) -> None:
    seen: dict[torch.Tensor, str] = {}
    sides = (client, task_network)
    for name, tensor in chain.from_iterable(_tensors(side) for side in sides):
        if tensor in seen:
            raise BadConfig(
                f"client.network: {seen[tensor]!r} and {name!r} are one tensor used in two places; "
                "give each layer its own weights, or split elsewhere"
            )
        seen[tensor] = name


def _tensors(side: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [
        *side.named_parameters(remove_duplicate=False),
        *side.named_buffers(remove_duplicate=False),
    ]


def _run(where: str, what: str, call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except Exception as problem:  # their code may raise anything
        raise BadConfig(f"{where} {what}: {_reason(problem)}") from problem


def _reason(problem: Exception) -> str:
    return next(iter(str(problem).splitlines()), "") or type(problem).__name__
