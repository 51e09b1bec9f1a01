"""A sheet of pictures: an image a row, what each method left of it a column.

Legend: N images, S image side, M columns.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Images = NDArray[np.uint8]
COLUMN = 128  # pixels, about which images are magnified to by whole factors
HEAD, MARGIN = 64, 4  # for four lines


def sheet(columns: Mapping[str, Images]) -> Images:
    """Lay M named columns of images (N, S, S, 3) side by side, (HEAD + N · side, M · side, 3).

    A name has a line for each of its parts between commas.
    """
    return np.concatenate([_column(name, images) for name, images in columns.items()], axis=1)


def _column(name: str, images: Images) -> Images:
    factor = max(COLUMN // images.shape[1], 1)
    magnified = images.repeat(factor, axis=1).repeat(factor, axis=2)
    head = Image.new("RGB", (magnified.shape[2], HEAD), "white")
    lines = name.replace(", ", "\n")
    ImageDraw.Draw(head).multiline_text((MARGIN, MARGIN), lines, fill="black", spacing=2)
    return np.concatenate([np.asarray(head), *magnified])
