"""The two phases of a training, each with optimisers and learning rates of its own."""

import math
from dataclasses import dataclass

import torch

from ...schemas.config import TrainingTable
from .checkpoints import Optimizers
from .game import Networks, Stage

ADVERSARY = "adversary"  # the name of the proxy adversary's optimiser
ADAM_LEARNING_RATE = 1e-3  # of what a defense itself learns, and of the proxy
RISE = 0.2  # of the steps of a phase, in which the learning rate rises linearly


@dataclass(frozen=True)
class Phase:
    """A part of the training with optimisers and a learning rate of its own."""

    name: str
    stage: Stage
    epochs: int
    peak: float


def phases(settings: TrainingTable) -> tuple[Phase, Phase]:
    """Utility alone, then the game."""
    return (
        Phase("warm-up", Stage.WARM_UP, settings.warmup_epochs, settings.learning_rate),
        Phase("defense", Stage.DEFENSE, settings.epochs, settings.defense_learning_rate),
    )


def optimizers_of(networks: Networks, phase: Phase) -> Optimizers:
    """Make the optimisers of a phase, one per player with weights; client and task share one."""
    main = [*networks.client.parameters(), *networks.task_network.parameters()]
    sgd = torch.optim.SGD(main, lr=phase.peak, momentum=0.9, weight_decay=5e-4, nesterov=True)
    made: dict[str, torch.optim.Optimizer] = {"main": sgd}
    for name in ("defense", ADVERSARY) if phase.stage is Stage.DEFENSE else ():
        if parameters := list(networks.get_submodule(name).parameters()):
            made[name] = torch.optim.Adam(parameters, lr=ADAM_LEARNING_RATE)
    return made


def set_rates(optimizers: Optimizers, step: int, steps: int) -> None:
    """Set the learning rates of a step: one cycle, but for the proxy, which must keep up."""
    for name, optimizer in optimizers.items():
        factor = 1.0 if name == ADVERSARY else one_cycle(step, steps)
        for group in optimizer.param_groups:
            group["lr"] = factor * optimizer.defaults["lr"]


def one_cycle(step: int, steps: int) -> float:
    """Rise linearly over the first fifth, then fall along a cosine to almost zero.

    >>> [round(one_cycle(step, 10), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.038]
    """
    rise = max(RISE * steps, 1)
    fall = (step - rise) / max(steps - rise, 1)
    return min((step + 1) / rise, 0.5 * (1 + math.cos(math.pi * min(max(fall, 0), 1))))
