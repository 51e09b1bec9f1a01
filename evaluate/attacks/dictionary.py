"""Dictionary: look the activation up among those of public images (open data's anchor)."""

import torch
from torch import Tensor
from torch.nn import functional

from ...schemas import Setting, Track
from ..reading.records import Records
from ..scoring.evidence import Evidence
from . import Attack, Effort

CHUNK = 512


class Dictionary(Attack):
    """Push every source image through the client and answer with the one that fits best.

    The entries are the auxiliary images and those of the split that is asked about, shuffled:
    where the images are public, anyone who has the client's weights can do this, and no defense
    of the activation alone prevents it. It reads the inputs, so it is a yardstick and no attack.
    The hidden images of a sealed release are nobody's, so there the entries are the auxiliary ones.
    A deterministic client's answer is compared as it is, a randomized one's without its noise and
    on the channels that were sent.
    """

    setting = Setting.AUXILIARY_WHITEBOX
    ceiling = True
    effort = Effort.FIT

    def __init__(self, *, track: Track = Track.ATTRIBUTE, seed: int = 0) -> None:
        self.track = track
        self.seed = seed

    def fit(self, auxiliary: Records) -> None:
        """Keep the auxiliary images and their labels."""
        self.auxiliary = auxiliary

    def predict(self, records: Records) -> Tensor:
        """Return the entry's label one-hot (N, K), or its image (N, 3, S, S)."""
        found = self._nearest(records, self._entries("inputs", records))
        if self.track is Track.RECONSTRUCTION:
            return self._entries("inputs", records)[found].float() / 255
        classes = len(records.manifest.sensitive.classes)
        return functional.one_hot(self._entries("sensitive", records)[found], classes).float()

    def _entries(self, answer: str, records: Records) -> Tensor:
        had = [self.auxiliary] if records.manifest.config.sealed else [self.auxiliary, records]
        known = torch.cat([one.known(answer) for one in had])
        return known[torch.randperm(len(known), generator=torch.Generator().manual_seed(self.seed))]

    @torch.no_grad()
    def _nearest(self, records: Records, images: Tensor) -> Tensor:
        """Find the entry for each record (Q,) among images (P, 3, S, S) uint8."""
        randomized = records.manifest.defense.randomized
        encode = self.client.layers if randomized else self.client
        evidence = Evidence.of(records)
        sent = evidence.sent if randomized else torch.ones_like(evidence.sent)
        weighed = (sent[:, :, None, None] * evidence.activation).flatten(1)
        least = torch.full((len(sent),), torch.inf)
        nearest = torch.zeros(len(sent), dtype=torch.int64)
        for first in range(0, len(images), CHUNK):
            entries = encode(images[first : first + CHUNK].float() / 255)
            # s (z - p)^2 = s z^2 - 2 s z p + s p^2, of which the first does not change the order
            squares = sent @ entries.square().sum(dim=(2, 3)).T
            distance, entry = (squares - 2 * weighed @ entries.flatten(1).T).min(dim=1)
            nearest = torch.where(distance < least, first + entry, nearest)
            least = torch.minimum(distance, least)
        return nearest[evidence.image_of]
