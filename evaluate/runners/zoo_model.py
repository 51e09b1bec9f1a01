"""Run an architecture of ours with submitted weights."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor

from ...schemas import SchemaMismatch
from ...schemas.errors import nearest
from ..zoo import ARCHITECTURES, Architecture
from .exchange import Predict, Refused, Task, blamed, serve


def load(path: Path, task: Task) -> Predict:
    """Make the network that the file names, and give it the weights of the file."""
    with blamed("reading it as safetensors"), safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    architecture = _architecture(metadata, task)
    with torch.device("meta"):  # the file's weights take the place of those that are never made
        network = architecture.network(task)
    expected = network.state_dict()
    if problems := list(_problems(expected, weights)):
        raise Refused(*problems)
    given = {name: weights[name].to(value.dtype) for name, value in expected.items()}
    network.load_state_dict(given, assign=True)
    network.eval()
    torch.set_num_threads(1)

    def predict(batch: NDArray[np.float32]) -> NDArray[Any]:
        with torch.inference_mode():
            answers: Tensor = network(torch.from_numpy(batch))
            return (answers.softmax(dim=1) if task.track == "attribute" else answers).numpy()

    return predict


def _architecture(metadata: Mapping[str, str], task: Task) -> Architecture:
    name = metadata.get("architecture", "")
    if name not in ARCHITECTURES:
        known = nearest(name, ARCHITECTURES)
        raise Refused(f"its metadata names the architecture {name!r}, which there is not: {known}")
    kind = ARCHITECTURES[name]
    if kind.track != task.track:
        raise Refused(f"the architecture {name!r} is of the {kind.track} track, not {task.track}")
    try:
        return kind.parse(json.loads(metadata.get("options", "{}")), f"options of {name!r}")
    except (ValueError, RecursionError):
        raise Refused("the options in its metadata are not JSON") from None
    except SchemaMismatch as problem:
        raise Refused(str(problem)) from None


def _problems(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterator[str]:
    """Name weights that are missing, too many, of another shape, or not finite."""
    if missing := sorted(expected.keys() - given.keys()):
        yield f"{len(missing)} weights are missing, the first is {missing[0]!r}"
    if strangers := sorted(given.keys() - expected.keys()):
        yield f"{len(strangers)} weights have no place, the first is {strangers[0]!r}"
    for name in sorted(expected.keys() & given.keys()):
        wanted, came = tuple(expected[name].shape), tuple(given[name].shape)
        if wanted != came:
            yield f"{name} has the shape {came}, but {wanted} is expected"
            return
        if not torch.isfinite(given[name].float()).all():
            yield f"{name} holds a number that is not finite"
            return


if __name__ == "__main__":
    serve(load)
