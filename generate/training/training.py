"""The one training loop: warm-up on utility alone, then the defense's objective.

Whatever is random follows from the seed and the place in the training, never from what was drawn
before: a run that was stopped goes on from a checkpoint of weights and optimisers to the same
weights, bit for bit. Accelerate moves networks to the device and averages gradients over processes.

Legend: N images; S image side; B batch.
"""

import hashlib
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from tqdm import tqdm

from ...schemas.config import TrainingTable
from ..defenses import Objective
from ..networks.networks import seeded
from ..noise import BatchNoise
from .augmentation import augment
from .checkpoints import Checkpoints, Optimizers, Place, SharedWeights
from .game import Networks, Stage, Tally, TrainingData

log = logging.getLogger(__name__)
ADVERSARY = "adversary"  # the name of the proxy adversary's optimiser
ADAM_LEARNING_RATE = 1e-3  # of what a defense itself learns, and of the proxy
RISE = 0.2  # of the steps of a phase, in which the learning rate rises linearly
EARLY = (16, 4, 2)  # progress is also told after these fractions of a phase's first epoch


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


@dataclass(frozen=True)
class _Training:
    """What stays the same over the whole training, and how a batch is drawn and used."""

    accelerator: Accelerator
    networks: Networks
    model: nn.Module  # the networks, wrapped where there are several processes
    data: TrainingData
    settings: TrainingTable
    seed: int

    @property
    def batches(self) -> int:
        """Batches per epoch, all but equal in size: no last batch of one image."""
        return math.ceil(len(self.data) / self.settings.batch_size)

    def rows(self, place: Place) -> Iterator[Tensor]:
        """Shuffle the images for an epoch and yield what is left of it, batch by batch.

        Each process takes an equal share of every batch.
        """
        order = torch.randperm(len(self.data), generator=self.draws("order", *place[:2]))
        workers, number = self.accelerator.num_processes, self.accelerator.process_index
        for rows in order.tensor_split(self.batches)[place.batch :]:
            yield rows.tensor_split(workers)[number]

    def draws(self, *purpose: str | int) -> torch.Generator:
        """The random numbers for one purpose."""
        name = "/".join(map(str, (self.seed, *purpose)))
        digest = hashlib.sha256(name.encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def learn(
        self, rows: Tensor, stage: Stage, optimizers: Optimizers, generator: torch.Generator
    ) -> Objective:
        """Take one step of `optimizers` on the images at `rows`."""
        device, data = self.accelerator.device, self.data
        torch.manual_seed(generator.initial_seed())  # dropout
        images = augment(data.images[rows], generator)
        noise = BatchNoise(len(rows), generator, device)
        halved = self.settings.precision == "bfloat16"
        with torch.autocast(device.type, torch.bfloat16, enabled=halved):
            labels = data.task[rows], data.sensitive[rows]
            objective: Objective = self.model(images, *labels, noise, stage)
        self.model.zero_grad(set_to_none=True)
        self.accelerator.backward(objective.loss)
        for optimizer in optimizers.values():
            optimizer.step()
        return objective

    def teach_adversary(self, optimizers: Optimizers, place: Place, steps: int) -> None:
        """Let the proxy adversary alone learn for some steps."""
        number, workers = self.accelerator.process_index, self.accelerator.num_processes
        share = max(self.settings.batch_size // workers, 2)
        for step in range(steps):
            generator = self.draws("adversary", step, *place, number)
            rows = torch.randint(len(self.data), (share,), generator=generator)
            self.learn(rows, Stage.PROXY, {ADVERSARY: optimizers[ADVERSARY]}, generator)


def train(
    data: TrainingData,
    networks: Networks,
    settings: TrainingTable,
    seed: int,
    checkpoints: Checkpoints,
    shared: Sequence[SharedWeights] = (),
) -> float | None:
    """Train all players in place; returns the proxy adversary's accuracy over the last epoch,
    None without a proxy that guesses an attribute.

    Client and task network follow SGD with momentum, the defense and the proxy adversary Adam.
    Everything random follows from `seed`. A stopped run goes on from what `checkpoints` hold. Of
    `shared`, the warm-up's and perhaps the whole training's end, what others left is taken up, and
    what they did not is left for them.
    """
    accelerator = _accelerator()
    device = accelerator.device
    saved, start, tally = checkpoints.load(networks), Place(), Tally.nothing(device)
    if saved:
        start, tally = saved.place, saved.tally.to(device)
    for number, weights in enumerate(shared):
        if weights.kept and start < Place(number + 1):
            start, tally = Place(number + 1), weights.load(networks).to(device)
    model = accelerator.prepare_model(networks.train())
    training = _Training(accelerator, networks, model, data.to(device), settings, seed)
    with seeded(seed):
        for number, phase in list(enumerate(phases(settings)))[start.phase :]:
            networks.enter(phase.stage)
            optimizers = optimizers_of(networks, phase)
            first = start if number == start.phase else Place(number)
            if saved and first == saved.place:
                saved.restore(optimizers)
            for epoch in range(first.epoch, phase.epochs):
                place = first if epoch == first.epoch else Place(number, epoch)
                tally = tally if place.batch else Tally.nothing(device)
                _epoch(training, phase, place, optimizers, Tally(tally), checkpoints)
            counts = accelerator.reduce(tally)
            if number < len(shared) and accelerator.is_main_process:
                shared[number].keep(networks, counts)
    networks.to("cpu").eval().requires_grad_()
    return Tally(accelerator.reduce(tally)).proxy_leakage


def workers() -> PartialState:
    """This process among those that `accelerate launch` started: on GPUs where there are any."""
    return PartialState(cpu=not torch.cuda.is_available())


def _accelerator() -> Accelerator:
    """Precision stays with autocast: Accelerate's is the process's, ours is each release's."""
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # in the warm-up
    cpu = not torch.cuda.is_available()
    return Accelerator(cpu=cpu, mixed_precision="no", kwargs_handlers=[unused])


def _epoch(
    training: _Training,
    phase: Phase,
    place: Place,
    optimizers: Optimizers,
    tally: Tally,
    checkpoints: Checkpoints,
) -> None:
    """Train from `place` to the end of its epoch; shows a bar on terminals."""
    settings, batches, first = training.settings, training.batches, place.epoch == 0
    early = {batches // part for part in EARLY} if first else set()
    label = f"{phase.name} {place.epoch + 1}/{phase.epochs}"
    main = training.accelerator.is_main_process
    if ADVERSARY in optimizers and place.batch == 0:
        _prepare_adversary(training, optimizers, place)
    with tqdm(total=batches, initial=place.batch, desc=label, disable=None, leave=False) as bar:
        for rows in training.rows(place):
            step, steps = place.epoch * batches + place.batch, phase.epochs * batches
            _set_rates(optimizers, step, steps)
            training.networks.progress = step / steps
            if ADVERSARY in optimizers:
                training.teach_adversary(optimizers, place, settings.adversary_steps)
            draws = training.draws("batch", *place, training.accelerator.process_index)
            objective = training.learn(rows, phase.stage, optimizers, draws)
            tally.add(objective, training.data.task[rows], training.data.sensitive[rows])
            place = place._replace(batch=place.batch + 1)
            bar.update()
            if main and place.batch in early:
                log.info("%s, batch %d of %d: %s", label, place.batch, batches, tally)
            if main:
                checkpoints.keep(training.networks, optimizers, place, tally.counts)
    if main:
        log.info("%s: %s", label, tally)


def _prepare_adversary(training: _Training, optimizers: Optimizers, place: Place) -> None:
    """Begin the game, or a part of it, with a proxy adversary that starts afresh and learns alone.

    A proxy that only follows the defense step by step ends up weak; a fresh one finds more.
    """
    settings = training.settings
    parts = settings.adversary_restarts + 1
    if place.epoch in {part * settings.epochs // parts for part in range(parts)}:
        if place.epoch:
            with seeded(training.draws("restart", *place).initial_seed()):
                for module in training.networks.adversary.modules():
                    reset = getattr(module, "reset_parameters", None)
                    if callable(reset):
                        reset()
            optimizers[ADVERSARY].state.clear()
        training.teach_adversary(optimizers, place, settings.adversary_warmup_steps)


def optimizers_of(networks: Networks, phase: Phase) -> Optimizers:
    """Make the optimisers of a phase, one per player with weights; client and task share one."""
    main = [*networks.client.parameters(), *networks.task_network.parameters()]
    sgd = torch.optim.SGD(main, lr=phase.peak, momentum=0.9, weight_decay=5e-4, nesterov=True)
    made: dict[str, torch.optim.Optimizer] = {"main": sgd}
    for name in ("defense", ADVERSARY) if phase.stage is Stage.DEFENSE else ():
        if parameters := list(networks.get_submodule(name).parameters()):
            made[name] = torch.optim.Adam(parameters, lr=ADAM_LEARNING_RATE)
    return made


def _set_rates(optimizers: Optimizers, step: int, steps: int) -> None:
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
