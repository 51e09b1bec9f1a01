"""Encoded images as tensors.

Legend: N images, S image side in pixels.
"""

import io

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor


def decode_images(column: pa.ChunkedArray) -> Tensor:
    """Decode a column of encoded images to N 3 S S uint8."""
    images = [
        np.asarray(Image.open(io.BytesIO(image["bytes"])).convert("RGB"))
        for image in column.to_pylist()
    ]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
