"""The Jacobian's rank by sketch, against the whole Jacobian and its singular values."""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import vjp, vmap

from ..evaluate.bounds.jacobian import Jacobian
from ..generate.client import Client
from ..generate.defenses.disco import Disco
from ..generate.networks.networks import activation_shape, seeded, split_network
from ..schemas.config import ClientTable
from . import Case

SEED = 0
RATIO = 0.8  # of the channels are pruned: 13 of 64 are kept
SMALL, LARGE = 32, 112  # pixels: where both are feasible, and where only the sketch is
TOGETHER = 16  # images that the sketch takes at once, as in a run over many
SAME = 0.05  # two ranks that differ by less say the same


def run() -> dict[str, Case]:
    """Seconds per image of a DISCO client split after layer1, with untrained weights.

    At 112 x 112 the whole Jacobian is 50,176 x 37,632 numbers, 7.5 GB in single precision, and its
    singular values take hours: the comparison is at 32 x 32, in single precision for both, and
    says how long the sketch takes at 112 x 112. `RuntimeError` where the ranks disagree.
    """
    small, large = _client(SMALL), _client(LARGE)
    _sketched(small, SMALL, 1)  # warms up
    ours, rank = _seconds(lambda: _sketched(small, SMALL, TOGETHER))
    baseline, whole = _seconds(lambda: _whole(small, SMALL))
    at_large, large_rank = _seconds(lambda: _sketched(large, LARGE, 1))
    if abs(rank - whole) > SAME * whole:
        raise RuntimeError(f"the sketch says rank {rank:.0f}, the whole Jacobian {whole:.0f}")
    is_what = (
        f"all rows of the Jacobian at {SMALL} x {SMALL}, in float32, by vmap of vjp, and their "
        f"singular values; rank above 1e-2 of the largest: {whole:.0f} and, sketched, {rank:.0f}. "
        f"At {LARGE} x {LARGE} the sketch takes {at_large:.1f} s and says {large_rank:.0f}"
    )
    case = Case.of(ours / TOGETHER, baseline, "s per image", is_what, less_is_better=True)
    return {"full-svd": case}


def _client(size: int) -> Client:
    with seeded(SEED):
        network = split_network(ClientTable(), classes=2)
        defense = Disco(ratio=RATIO)
        defense.build(activation_shape(network, size, classes=2))
    return Client(network.client, defense).eval().requires_grad_(False)


def _images(size: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


def _seconds(measure: Callable[[], float]) -> tuple[float, float]:
    start = time.perf_counter()
    found = measure()
    return time.perf_counter() - start, found


def _sketched(client: Client, size: int, count: int) -> float:
    """The rank of the first of `count` images that are sketched together."""
    (found,) = Jacobian(exact=0).measure(client, _images(size, count))
    return float(found["rank_1e-2"][0])


def _whole(client: Client, size: int) -> float:
    activation, pull = vjp(client.mean, _images(size, 1).float() / 255)[:2]
    units = torch.eye(activation.numel()).view(-1, *activation.shape)
    rows: Tensor = vmap(lambda unit: pull(unit)[0].flatten(), chunk_size=256)(units)
    values = torch.linalg.svdvals(rows)
    return float((values > 1e-2 * values[0]).sum())
