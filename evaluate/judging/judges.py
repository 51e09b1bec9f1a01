"""Judges: networks that map a face to an embedding, our own from a file or the user's own module.

Legend: N images, S image side in pixels, D embedding.
"""

import hashlib
import json
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...schemas import (
    CorruptData,
    JudgeHeader,
    MissingData,
    Release,
    SchemaMismatch,
    UnknownName,
    UsageError,
)
from ...schemas.files import sha256_of, write_bytes
from ...schemas.judge import JUDGE_KEY
from ..architectures import Residual
from ..threads import threads

EMBEDDING = 128
WIDTH = 32
BATCH = 256
STEPS = 2**15  # embeddings are rounded to 1/STEPS: sums of products are exact in any order


class FaceNetwork(nn.Sequential):
    """Images (N, 3, S, S) in [0, 1] to (N, 128): a small ResNet that keeps where things are."""

    def __init__(self) -> None:
        super().__init__(
            nn.BatchNorm2d(3),
            nn.Conv2d(3, WIDTH, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            Residual(WIDTH, 2 * WIDTH, stride=2),
            Residual(2 * WIDTH, 4 * WIDTH, stride=2),
            Residual(4 * WIDTH, 8 * WIDTH, stride=2),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(16 * 8 * WIDTH, EMBEDDING, bias=False),
            nn.BatchNorm1d(EMBEDDING),
        )


@dataclass(frozen=True)
class Judge:
    """A network that tells faces apart; `header` says how it was trained, where it is ours."""

    name: str
    sha256: str
    network: nn.Module
    header: JudgeHeader | None = None

    def embed(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Map images (N, S, S, 3) uint8 to embeddings (N, D) of length 1.

        Raises `UsageError` where the network does not give N rows of finite numbers.
        """
        with torch.no_grad(), threads(1):
            found = [
                self._checked(self.network(_unit(images[start : start + BATCH])))
                for start in range(0, len(images), BATCH)
            ]
        values = torch.cat(found).double().numpy()
        length = np.linalg.norm(values, axis=1, keepdims=True)
        rounded: NDArray[np.float64] = np.rint(values / length * STEPS) / STEPS
        return rounded

    def _checked(self, embeddings: Any) -> Tensor:
        if not isinstance(embeddings, Tensor) or embeddings.ndim != 2:
            came = tuple(getattr(embeddings, "shape", ())) or type(embeddings).__name__
            raise UsageError(
                f"judge {self.name}: expected a tensor (N, D) of embeddings, but got {came}"
            )
        if not (embeddings.isfinite().all() and embeddings.any(dim=1).all()):
            raise UsageError(
                f"judge {self.name}: expected embeddings with a direction, but one is zero or not "
                "finite; mend the network"
            )
        return embeddings

    def check(self, release: Release, split: str) -> None:
        """Refuse images of another size, and subjects whom the judge may have been trained on."""
        header = self.header
        if header is None:
            return
        manifest = release.manifest
        if header.image_size != manifest.dataset.image_size:
            raise UsageError(
                f"judge {self.name} sees images of {header.image_size} pixels, but those of "
                f"{manifest.name} have {manifest.dataset.image_size}; train one on that release"
            )
        if header.dataset != manifest.dataset.name:
            return
        divided = (header.revision, header.secret)
        if divided != (manifest.dataset.revision, manifest.commitments.secret):
            raise UsageError(
                f"judge {self.name} was trained on {header.dataset} divided by another secret or "
                f"of another revision, and may know the subjects of {manifest.name}; train one on "
                "that release"
            )
        if split in header.splits:
            raise UsageError(
                f"judge {self.name} was trained on the subjects of {split!r}; let it judge "
                "'validation' or 'test'"
            )


def judge_of(name: str, network: nn.Module) -> Judge:
    """Make a judge of a module; it is identified by its weights."""
    frozen = network.eval().requires_grad_(False)
    return Judge(name, hashlib.sha256(_packed(frozen, {})).hexdigest(), frozen)


def write_judge(path: Path, network: nn.Module, header: JudgeHeader) -> None:
    """Write weights and header as one safetensors file, atomically."""
    write_bytes(path, _packed(network, {JUDGE_KEY: header.model_dump_json()}))


def load_judge(place: str) -> Judge:
    """Load the judge in a file that `leakboard judge` wrote, or a module `package.module:Class`.

    Raises `MissingData`, `CorruptData` or `SchemaMismatch` for a file and `UnknownName` for an
    object path that is not a `torch.nn.Module`.
    """
    if ":" in place and not Path(place).exists():
        return _outside(place)
    path = Path(place)
    if not path.is_file():
        raise MissingData(
            f"{path}: there is no such judge; train one with `leakboard judge RELEASE --out {path}`"
        )
    header = _header(path)
    network = FaceNetwork()
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (SafetensorError, RuntimeError, OSError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise CorruptData(f"{path}: the judge's weights cannot be read ({reason})") from problem
    if not all(tensor.isfinite().all() for tensor in network.state_dict().values()):
        raise CorruptData(f"{path}: the judge's weights are not all finite; train it again")
    return Judge(path.stem, sha256_of(path), network.eval().requires_grad_(False), header)


def _header(path: Path) -> JudgeHeader:
    try:
        with safe_open(path, "pt") as file:
            content = (file.metadata() or {}).get(JUDGE_KEY)
    except (SafetensorError, OSError) as problem:
        raise CorruptData(f"{path}: not a readable safetensors file ({problem})") from problem
    if content is None:
        raise SchemaMismatch(
            f"{path}: the metadata has no {JUDGE_KEY!r} header, so this is no judge; train one "
            "with `leakboard judge`"
        )
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise CorruptData(f"{path}: the judge's header is not JSON ({problem})") from problem
    return JudgeHeader.parse(fields, f"{path}: the judge's header")


def _outside(path: str) -> Judge:
    try:
        found = pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as problem:
        raise UnknownName(f"judge {path!r} cannot be imported: {problem}") from problem
    network = found() if isinstance(found, type) and issubclass(found, nn.Module) else found
    if not isinstance(network, nn.Module):
        raise UnknownName(
            f"judge {path!r} is not a torch.nn.Module from images (N, 3, S, S) to embeddings (N, D)"
        )
    return judge_of(path, network)


def _packed(network: nn.Module, metadata: dict[str, str]) -> bytes:
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return safetensors.torch.save(tensors, metadata)


def _unit(images: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
