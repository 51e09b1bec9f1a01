"""Images of one split that lie, all but the same, in another: an attack could remember them.

A perceptual hash is 64 signs: which of the 8 x 8 lowest frequencies of the grey image are above
their median (the pHash of Zauner 2010). Recompressed, resized or slightly altered copies keep it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

SIDE = 32  # the grey image that is transformed
KEPT = 8  # frequencies per axis
NEAR = 3  # of 64 bits may differ; bands find all such pairs, for one of four bands is then equal
BANDS = 4
Hashes = NDArray[np.uint64]


def perceptual_hash(images: Sequence[NDArray[np.uint8]]) -> Hashes:
    """Hash (H, W, 3) uint8 images to 64 bits each."""
    grey = [
        Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
        for image in images
    ]
    stacked = np.array([np.asarray(image, np.float32) for image in grey])
    low = dctn(stacked, axes=(1, 2), norm="ortho")[:, :KEPT, :KEPT].reshape(len(grey), -1)
    above = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(np.uint64).ravel()


def near_duplicates(hashes: Hashes, groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each image whether one of another group differs in at most `NEAR` bits."""
    found = np.zeros(len(hashes), np.bool_)
    for band in range(BANDS):
        keys = (hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        first, second = _pairs(keys[order])
        first, second = order[first], order[second]
        near = np.bitwise_count(hashes[first] ^ hashes[second]) <= NEAR
        near &= groups[first] != groups[second]
        found[first[near]] = found[second[near]] = True
    return found


def _pairs(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of places with equal keys, in sorted keys."""
    firsts, step = [np.arange(len(keys))], 0
    while len(firsts[-1]):
        step += 1
        place = firsts[-1][firsts[-1] + step < len(keys)]
        firsts.append(place[keys[place] == keys[place + step]])
    steps = np.repeat(np.arange(len(firsts)), [len(part) for part in firsts])
    first = np.concatenate(firsts)
    later = steps > 0
    return first[later], (first + steps)[later]
