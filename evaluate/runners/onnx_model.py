"""Run an ONNX model, once it is found to be one that is run."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .exchange import Predict, Refused, Task, blamed, serve
from .onnx_checks import problems_of

QUIET = 3  # errors only


def load(path: Path, task: Task) -> Predict:
    """Check a file and make a session of it, on one thread: the same sums on every run."""
    content = path.read_bytes()
    if problems := problems_of(content, task):
        raise Refused(*problems)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    with blamed("loading it with ONNX Runtime"):
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = np.float16 if given.type == "tensor(float16)" else np.float32

    def predict(batch: NDArray[np.float32]) -> NDArray[Any]:
        with blamed("running it"):
            (answers,) = session.run(None, {given.name: batch.astype(kind)})
        return np.asarray(answers)

    return predict


if __name__ == "__main__":
    serve(load)
