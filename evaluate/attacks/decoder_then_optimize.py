"""Decoder, then optimise: the pixels are searched from what a trained decoder shows."""

from torch import Tensor

from ...schemas import Setting
from ..optimizing import Iterate
from ..reading.records import Records
from ..scoring.evidence import Evidence
from ._optimizing import BatchImages, LearningRate, Match, Steps, Weight
from ._trained import Epochs
from .decoder import Decoder
from .pixel_optimization import PixelOptimization


class DecoderThenOptimize(PixelOptimization):
    """Rebuild with `decoder`, then move the pixels until the client gives what was received.

    `l2` weighs the distance from the decoder's image, which serves as the prior. Options of the
    decoder: `epochs`, `seed`; all others are those of `pixel_optimization`.
    """

    setting = Setting.AUXILIARY_WHITEBOX

    def __init__(
        self,
        *,
        epochs: Epochs = 4,
        seed: int = 0,
        steps: Steps = 200,
        learning_rate: LearningRate = 0.05,
        total_variation: Weight = 0.02,
        l2: Weight = 0.1,
        batch: BatchImages = 64,
        match: Match = "sent",
        iterate: Iterate = "last",
    ) -> None:
        super().__init__(
            steps=steps,
            learning_rate=learning_rate,
            total_variation=total_variation,
            l2=l2,
            batch=batch,
            match=match,
            iterate=iterate,
        )
        self.decoder = Decoder(epochs=epochs, seed=seed)

    def fit(self, auxiliary: Records) -> None:
        """Train the decoder on the auxiliary pairs."""
        self.decoder.client = self.client
        self.decoder.fit(auxiliary)

    def start(self, records: Records, evidence: Evidence) -> Tensor:
        """Begin with the decoder's images, averaged over the queries of each."""
        return evidence.average(self.decoder.predict(records))
