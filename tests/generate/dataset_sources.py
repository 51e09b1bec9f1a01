"""Tiny sources of every dataset, in each layout it may come in, holding the same images."""

import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from leakboard.generate import datasets
from leakboard.generate.datasets.celeba import NAMES as CELEBA_ATTRIBUTES
from leakboard.generate.datasets.cifar10 import Cifar10
from leakboard.generate.datasets.fairface import Fairface

CIFAR_CLASSES = Cifar10.attributes["class"]
FEATURES = {"_type": "Image"}


@dataclass(frozen=True)
class Tiny:
    """What it takes to open a tiny dataset."""

    source: str | None
    size: int
    options: Mapping[str, Any] = field(default_factory=dict)


def pictures(count: int, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Random but smooth pictures, so that JPEG keeps them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)
    resized = [Image.fromarray(one).resize((width, height)) for one in coarse]
    return np.stack([np.asarray(one) for one in resized])


def encode(pixels: NDArray[np.uint8], kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def write_parquet(
    path: Path,
    image: str,
    contents: Sequence[bytes | None],
    columns: Mapping[str, Any],
    names: Mapping[str, Sequence[str]],
) -> None:
    """Write one shard as `datasets` does: images as structs, class names beside the schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    structs = [{"bytes": content, "path": None} for content in contents]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {
        name: {"names": list(values), "_type": "ClassLabel"} for name, values in names.items()
    }
    info = {"info": {"features": {image: FEATURES, **features}}}
    table = pa.table({image: pa.array(structs, kind), **columns})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), path)


# CIFAR-10: five training batches of two images, and a test batch of four ------------------------

CIFAR_LABELS = np.array([6, 9, 9, 4, 1, 1, 2, 7, 8, 3, 0, 5, 2, 9])
CIFAR_PIXELS = pictures(len(CIFAR_LABELS), 32, 32)
CIFAR_BATCHES = {
    **{f"data_batch_{n + 1}": slice(2 * n, 2 * n + 2) for n in range(5)},
    "test_batch": slice(10, 14),
}


def cifar10_hub(folder: Path) -> str:
    shards = {"train-00000-of-00002": slice(0, 6), "train-00001-of-00002": slice(6, 10)}
    for name, rows in {**shards, "test-00000-of-00001": slice(10, 14)}.items():
        write_parquet(
            folder / "plain_text" / f"{name}.parquet",
            "img",
            [encode(pixels, "PNG") for pixels in CIFAR_PIXELS[rows]],
            {"label": CIFAR_LABELS[rows]},
            {"label": CIFAR_CLASSES},
        )
    return str(folder)


def planes(rows: slice) -> NDArray[np.uint8]:
    """Pixels as the official download has them: (N, 3072), plane after plane."""
    return CIFAR_PIXELS[rows].transpose(0, 3, 1, 2).reshape(-1, 3072)


def cifar10_binary(folder: Path) -> str:
    inside = folder / "cifar-10-batches-bin"
    inside.mkdir(parents=True)
    (inside / "batches.meta.txt").write_text("\n".join(CIFAR_CLASSES) + "\n\n")
    for name, rows in CIFAR_BATCHES.items():
        labels = CIFAR_LABELS[rows].astype(np.uint8)[:, None]
        (inside / f"{name}.bin").write_bytes(np.hstack([labels, planes(rows)]).tobytes())
    return str(folder)


def cifar10_python(folder: Path) -> str:
    inside = folder / "cifar-10-batches-py"
    inside.mkdir(parents=True)
    names = b"".join(map(python2_string, CIFAR_CLASSES))
    meta = [b"\x80\x02}(", python2_string("label_names"), b"](", names, b"eu."]
    (inside / "batches.meta").write_bytes(b"".join(meta))
    for name, rows in CIFAR_BATCHES.items():
        content = python2_batch(CIFAR_LABELS[rows].tolist(), planes(rows).tobytes())
        (inside / name).write_bytes(content)
    return str(folder)


def python2_string(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode()


def python2_batch(labels: Sequence[int], pixels: bytes, fortran: bool = False) -> bytes:
    """Write the pickle that Python 2 and NumPy wrote of a batch, opcode by opcode."""
    dtype = b"cnumpy\ndtype\n" + python2_string("u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + python2_string("|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + python2_string(
        "b"
    )
    array += b"\x87R(K\x01K" + bytes([len(labels)]) + b"M\x00\x0c\x86" + dtype
    array += (
        (b"\x88" if fortran else b"\x89") + b"T" + struct.pack("<i", len(pixels)) + pixels + b"tb"
    )
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    files = b"".join(python2_string(f"a_cat_s_{n:06d}.png") for n in range(len(labels)))
    return b"".join(
        [
            b"\x80\x02}q\x01(",
            python2_string("batch_label") + python2_string("training batch 1 of 5"),
            python2_string("labels") + b"](" + numbers + b"e",
            python2_string("data") + array,
            python2_string("filenames") + b"](" + files + b"eu.",
        ]
    )


# FairFace: six training and three validation images ---------------------------------------------


def fairface_hub(folder: Path) -> str:
    rng = np.random.default_rng(1)
    for name, count in {"train": 6, "validation": 3}.items():
        write_parquet(
            folder / "0.25" / f"{name}-00000-of-00001-951dbd63c8724ee1.parquet",
            "image",
            [encode(pixels, "JPEG") for pixels in pictures(count, 40, 40, seed=count)],
            {
                "age": rng.integers(0, 9, count),
                "gender": rng.integers(0, 2, count),
                "race": rng.integers(0, 7, count),
                "service_test": [False] * count,
            },
            Fairface.attributes,
        )
    return str(folder)


# CelebA: six, two and two images of five people --------------------------------------------------

CELEBA_PEOPLE = [2880, 2937, 8692, 5805, 2880, 8692, 11, 5805, 11, 2937]
CELEBA_VALUES = np.random.default_rng(2).integers(0, 2, (10, 40)).astype(bool)
CELEBA_IMAGES = [encode(pixels, "JPEG") for pixels in pictures(10, 218, 178, seed=3)]


def celeba_hub(folder: Path) -> str:
    for name, rows in {"train": slice(6), "valid": slice(6, 8), "test": slice(8, 10)}.items():
        columns = dict(zip(CELEBA_ATTRIBUTES, CELEBA_VALUES[rows].T, strict=True))
        write_parquet(
            folder / "img_align+identity+attr" / f"{name}-00000-of-00001.parquet",
            "image",
            CELEBA_IMAGES[rows],
            {"celeb_id": CELEBA_PEOPLE[rows], **columns},
            {},
        )
    return str(folder)


def celeba_official(folder: Path) -> str:
    (folder / "celeba" / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, 11)]
    attributes = ["10", " ".join(CELEBA_ATTRIBUTES) + " "]
    for name, content, values in zip(names, CELEBA_IMAGES, CELEBA_VALUES, strict=True):
        (folder / "celeba" / "img_align_celeba" / name).write_bytes(content)
        attributes.append(f"{name} " + " ".join(" 1" if value else "-1" for value in values))
    (folder / "celeba" / "list_attr_celeba.txt").write_text("\n".join(attributes) + "\n")
    people = [f"{name} {person}" for name, person in zip(names, CELEBA_PEOPLE, strict=True)]
    (folder / "celeba" / "identity_CelebA.txt").write_text("\n".join(people) + "\n")
    return str(folder)


Builder = Callable[[Path], str]
LAYOUTS: Mapping[str, tuple[str, Builder]] = {
    "cifar10-hub": ("cifar10", cifar10_hub),
    "cifar10-binary": ("cifar10", cifar10_binary),
    "cifar10-python": ("cifar10", cifar10_python),
    "fairface-hub": ("fairface", fairface_hub),
    "celeba-hub": ("celeba", celeba_hub),
    "celeba-official": ("celeba", celeba_official),
}
SIZES = {"cifar10": 32, "fairface": 40, "celeba": 64}


def tiny(name: str, folder: Path) -> Tiny:
    """Write the tiny source of a dataset, in the Hub's layout where it has files."""
    if name == "synthetic":
        return Tiny(None, 24, {"images": 18, "identities": 6, "seed": 3})
    if name not in SIZES:  # drawn without files
        return Tiny(None, 24)
    _, build = LAYOUTS[f"{name}-hub"]
    return Tiny(build(folder), SIZES[name])


def celeba_drawn(folder: Path, images: int, people: int) -> str:
    """Drawn faces in the layout of CelebA: enough of them to be divided into splits."""
    faces = datasets.create("synthetic", None, 32, {"images": images, "identities": people})
    rows = list(range(images))
    columns = {name: np.zeros(images, bool) for name in CELEBA_ATTRIBUTES}
    columns |= {
        name: faces.index.labels[drawn].astype(bool)
        for name, drawn in {"Smiling": "smiling", "Male": "gender"}.items()
    }
    celebrities = np.unique(faces.index.subjects, return_inverse=True)[1]
    thirds = np.array_split(rows, 3)
    for name, part in zip(("train", "valid", "test"), thirds, strict=True):
        write_parquet(
            folder / "img_align+identity+attr" / f"{name}-00000-of-00001.parquet",
            "image",
            faces.encoded(part.tolist()),
            {"celeb_id": celebrities[part], **{key: col[part] for key, col in columns.items()}},
            {},
        )
    return str(folder)
