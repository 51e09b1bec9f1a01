"""Peak signal-to-noise ratio."""

import numpy as np

from ...schemas import Track
from . import MeanMetric, ReconstructionOutcome, Values

CAP = 100.0  # dB, for an exact copy; 8-bit images that differ at all stay below up to 226 x 226


class Psnr(MeanMetric[ReconstructionOutcome]):
    """Peak signal-to-noise ratio in dB, peak 1, at most 100 dB for an image; its mean over images.

    The logarithm is taken for each image: the ratio of the mean error would hide the best ones.
    """

    track = Track.RECONSTRUCTION
    range = (0.0, CAP)

    def per_image(self, outcome: ReconstructionOutcome) -> Values:
        """Take -10 log10 of each image's mean squared error."""
        decibels: Values = -10 * np.log10(np.maximum(outcome.errors[1], 10 ** (-CAP / 10)))
        return decibels
