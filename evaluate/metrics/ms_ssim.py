"""Multi-scale structural similarity."""

import numpy as np

from . import ReconstructionMetric, ReconstructionOutcome, Values
from .ssim import SIDE, similarities

# Wang et al. 2003, section 3.2: how much each scale counts, the finest first.
EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST = SIDE * 2 ** (len(EXPONENTS) - 1)  # pixels: one whole window at the coarsest scale


class MsSsim(ReconstructionMetric):
    """Structural similarity at five scales (Wang et al. 2003), for images of 176 pixels or more.

    Contrast and structure at every scale and luminance at the coarsest, each averaged over whole
    windows and channels; a negative average counts as 0. Scales are halved by 2 x 2 means. With
    fewer scales it would be another number, so smaller images have none.
    """

    range = (0.0, 1.0)

    def lacks(self, outcome: ReconstructionOutcome) -> str | None:
        """Five scales need room for a whole window at the last."""
        height, width = outcome.truth.shape[1:3]
        if min(height, width) >= SMALLEST:
            return None
        return (
            f"ms_ssim needs images of at least {SMALLEST} x {SMALLEST} pixels, "
            f"but these are {height} x {width}"
        )

    def compare(self, predicted: Values, truth: Values) -> Values:
        """Multiply the scales, eq. (7) of Wang et al. 2003."""
        product = np.ones(len(truth))
        for scale, exponent in enumerate(EXPONENTS):
            if scale:
                predicted, truth = _halved(predicted), _halved(truth)
            similarity, structure = similarities(predicted, truth)
            term = similarity if scale == len(EXPONENTS) - 1 else structure
            product *= term.clip(min=0) ** exponent
        return product


def _halved(images: Values) -> Values:
    """Average 2 x 2 pixels; an odd last row or column is left out."""
    count, height, width, channels = images.shape
    even = images[:, : height // 2 * 2, : width // 2 * 2]
    pairs = even.reshape(count, height // 2, 2, width // 2, 2, channels)
    smaller: Values = pairs.mean(axis=(2, 4))
    return smaller
