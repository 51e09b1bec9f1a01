"""Pictures for the board: inputs, activations, and what the attacks rebuilt of them.

Only from the validation split, whose answers are public, and only where the licence allows.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..schemas import Gallery, GalleryImage, Predictions, Release, Track, aligned
from ..schemas.files import replacing, write_text
from ..schemas.gallery import GALLERY_FILE
from .reading.records import Records, read_truth

SPLIT = "validation"
IMAGES = 8
MAGNIFY = 4


def write_gallery(board: Path, release: Release, rebuilt: Sequence[Predictions]) -> Path:
    """Write `<board>/gallery/<release>/` from reconstructions of validation; returns the folder.

    The images are chosen by the hash of their pixels, so that releases which share their splits
    show the same ones. Raises `SchemaMismatch` where the licence forbids showing them.
    """
    manifest = release.manifest
    records = read_truth(release, SPLIT, None)
    pictures = {p.header.attack: _in_order(p, records) for p in rebuilt}
    folder = board / "gallery" / manifest.config.release_name
    folder.mkdir(parents=True, exist_ok=True)
    gallery = Gallery(
        release=manifest.config.release_name,
        fingerprint=manifest.fingerprint,
        licence=manifest.dataset.licence,
        images=tuple(
            _write_image(folder, records, row, pictures) for row in shown_order(records)[:IMAGES]
        ),
    )
    write_text(folder / GALLERY_FILE, gallery.to_json())
    return folder


def _in_order(predictions: Predictions, records: Records) -> NDArray[np.uint8]:
    if predictions.header.track is not Track.RECONSTRUCTION or predictions.header.split != SPLIT:
        raise ValueError("a gallery shows reconstructions of the validation split")
    return aligned(predictions, records.sample_id, Path(predictions.header.attack))


def shown_order(records: Records) -> list[int]:
    """Rows in the order of the hash of their inputs: nobody chose which are shown."""
    digests = [
        hashlib.sha256(image.numpy().tobytes()).digest() for image in records.known("inputs")
    ]
    return sorted(range(len(digests)), key=digests.__getitem__)


def _write_image(
    folder: Path, records: Records, row: int, pictures: Mapping[str, NDArray[np.uint8]]
) -> GalleryImage:
    name = records.image_id[row]
    write_png(folder / f"{name}-input.png", records.known("inputs")[row].permute(1, 2, 0).numpy())
    activation = records.activation[row].float().numpy()
    write_png(folder / f"{name}-activation.png", tiles(activation))
    sent = (activation != 0).any(axis=(1, 2), keepdims=True)
    masked = not sent.all()
    if masked:
        held = np.broadcast_to(sent, activation.shape)
        write_png(folder / f"{name}-mask.png", tiles(held.astype(np.float32)))
    for attack, images in pictures.items():
        write_png(folder / f"{name}-{attack}.png", images[row])
    return GalleryImage(
        image_id=name,
        input=f"{name}-input.png",
        activation=f"{name}-activation.png",
        mask=f"{name}-mask.png" if masked else None,
        reconstructions={attack: f"{name}-{attack}.png" for attack in pictures},
    )


def tiles(activation: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay the channels (C, H, W) side by side in a near-square grid, white the largest value."""
    channels, height, width = activation.shape
    across = int(np.ceil(np.sqrt(channels)))
    down = -(-channels // across)
    grid = np.zeros((down * across, height, width), np.float32)
    grid[:channels] = np.abs(activation)
    sheet = grid.reshape(down, across, height, width).swapaxes(1, 2)
    flat = sheet.reshape(down * height, across * width) / max(float(grid.max()), 1e-12)
    magnified: NDArray[Any] = (255 * flat).astype(np.uint8).repeat(MAGNIFY, 0).repeat(MAGNIFY, 1)
    return magnified


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write pixels (H, W) or (H, W, 3) as a PNG file."""
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG")
