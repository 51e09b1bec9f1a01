"""Utility and client cost of a release, computed from what was released."""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..schemas import ClientCost, Utility
from ..schemas.scores import Timing
from .client import Client
from .noise import BatchNoise

ZSTD = pa.Codec("zstd", compression_level=1)
TIMED = 100  # images, one by one
Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution


def utility(correct: NDArray[np.bool_], subjects: Sequence[str]) -> Utility:
    """Task accuracy with a 95 % Wilson interval, widened for images of one subject.

    The effective sample size is p(1 - p) / v, where v is the cluster-robust variance of the mean
    over subjects; with one image per subject it is n.
    """
    n = len(correct)
    share = float(correct.mean())
    _, cluster = np.unique(np.asarray(subjects), return_inverse=True)
    sums = np.bincount(cluster, weights=correct - share)
    variance = float((sums**2).sum()) / n**2
    effective = min(share * (1 - share) / variance, n) if variance > 0 else n
    low, high = wilson(share, effective)
    return Utility(value=share, low=low, high=high, n=n)


def wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % Wilson score interval of a proportion.

    >>> [round(end, 4) for end in wilson(0.5, 100)]
    [0.4038, 0.5962]
    """
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    spread = math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n) * Z95
    return max(centre - spread, 0.0), min(centre + spread, 1.0)


def client_cost(
    client: Client, task_network: nn.Module, size: int, sent: NDArray[np.float16]
) -> ClientCost:
    """Multiply-adds of client (defense included) and task network for one image; bytes sent.

    `sent` are activations as released, (N, C, H, W), whose compressed size is averaged.
    """
    image = torch.zeros(1, 3, size, size)
    noise = BatchNoise(1, torch.Generator().manual_seed(0))
    with torch.no_grad():
        activation = client(image, noise)
        return ClientCost(
            client_macs=_macs(lambda: client(image, noise)),
            client_parameters=sum(p.numel() for p in client.parameters()),
            task_network_macs=_macs(lambda: task_network(activation)),
            bytes_sent=2 * activation.numel(),
            compressed_bytes_sent=sum(map(_compressed, sent)) / len(sent),
        )


def _compressed(activation: NDArray[np.float16]) -> int:
    return len(ZSTD.compress(activation.tobytes()))


def _macs(run: Callable[[], Tensor]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2  # it counts a multiply-add as two


@torch.no_grad()
def timing(client: Client, size: int) -> tuple[Timing, Timing]:
    """Seconds for one image through the client, defense included, and through the task network.

    The caller says on how many threads; what runs beside it on the machine is in the figures.
    """
    image = torch.zeros(1, 3, size, size)
    noise = BatchNoise(1, torch.Generator().manual_seed(0))
    activation = client(image, noise)
    return _timed(lambda: client(image, noise)), _timed(lambda: client.task_network(activation))


def _timed(run: Callable[[], Tensor]) -> Timing:
    seconds = []
    for _ in range(2 * TIMED):  # the first half warms up
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    lower, median, upper = np.quantile(seconds[TIMED:], [0.25, 0.5, 0.75]).tolist()
    return Timing(median=median, lower_quartile=lower, upper_quartile=upper, n=TIMED)
