"""Utility and client cost of a release, computed from what was released."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..schemas import ClientCost, Utility
from .client import Client
from .noise import BatchNoise

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


def client_cost(client: Client, task_network: nn.Module, size: int) -> ClientCost:
    """Multiply-adds of client (defense included) and task network for one image; bytes sent."""
    image = torch.zeros(1, 3, size, size)
    noise = BatchNoise(1, torch.Generator().manual_seed(0))
    with torch.no_grad():
        activation = client(image, noise)
        return ClientCost(
            client_macs=_macs(lambda: client(image, noise)),
            client_parameters=sum(p.numel() for p in client.parameters()),
            task_network_macs=_macs(lambda: task_network(activation)),
            bytes_sent=2 * activation.numel(),
        )


def _macs(run: Callable[[], Tensor]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2  # it counts a multiply-add as two
