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
from .checkpoints import Checkpoints, Optimizers, Place, Saved, SharedWeights
from .game import Networks, Stage, Tally, TrainingData
from .phases import ADVERSARY, Phase, optimizers_of, phases, set_rates

log = logging.getLogger(__name__)
EARLY = (16, 4, 2)  # progress is also told after these fractions of a phase's first epoch


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
    saved, start, tally = _start(networks, checkpoints, shared, accelerator.device)
    model = accelerator.prepare_model(networks.train())
    training = _Training(accelerator, networks, model, data.to(accelerator.device), settings, seed)
    with seeded(seed):
        for number, phase in list(enumerate(phases(settings)))[start.phase :]:
            first = start if number == start.phase else Place(number)
            tally = _phase(training, phase, first, saved, tally, checkpoints)
            counts = accelerator.reduce(tally)
            if number < len(shared) and accelerator.is_main_process:
                shared[number].keep(networks, counts)
    networks.to("cpu").eval().requires_grad_()
    return Tally(accelerator.reduce(tally)).proxy_leakage


def _start(
    networks: Networks,
    checkpoints: Checkpoints,
    shared: Sequence[SharedWeights],
    device: torch.device,
) -> tuple[Saved | None, Place, Tensor]:
    """Put the newest weights there are into the networks: of this run, or what others left.

    Returns this run's checkpoint, where to go on, and the tally so far.
    """
    saved, start, tally = checkpoints.load(networks), Place(), Tally.nothing(device)
    if saved:
        start, tally = saved.place, saved.tally.to(device)
    for number, weights in enumerate(shared):
        if weights.kept and start < Place(number + 1):
            start, tally = Place(number + 1), weights.load(networks).to(device)
    return saved, start, tally


def workers() -> PartialState:
    """This process among those that `accelerate launch` started: on GPUs where there are any."""
    return PartialState(cpu=not torch.cuda.is_available())


def _accelerator() -> Accelerator:
    """Precision stays with autocast: Accelerate's is the process's, ours is each release's."""
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # in the warm-up
    cpu = not torch.cuda.is_available()
    return Accelerator(cpu=cpu, mixed_precision="no", kwargs_handlers=[unused])


def _phase(
    training: _Training,
    phase: Phase,
    first: Place,
    saved: Saved | None,
    tally: Tensor,
    checkpoints: Checkpoints,
) -> Tensor:
    """Train from `first`, where `tally` stands, to the end of the phase; returns the last tally."""
    training.networks.enter(phase.stage)
    optimizers = optimizers_of(training.networks, phase)
    if saved and first == saved.place:
        saved.restore(optimizers)
    for epoch in range(first.epoch, phase.epochs):
        place = first if epoch == first.epoch else Place(first.phase, epoch)
        tally = tally if place.batch else Tally.nothing(training.accelerator.device)
        _epoch(training, phase, place, optimizers, Tally(tally), checkpoints)
    return tally


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
            set_rates(optimizers, step, steps)
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
