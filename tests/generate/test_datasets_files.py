"""Datasets that are read from files: layouts agree, images are fitted, damage is named."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from torchvision.transforms import functional

from leakboard.generate.datasets import Dataset, create
from leakboard.generate.datasets.celeba import NAMES
from leakboard.schemas import CorruptData, LeakboardError, MissingData, SchemaMismatch

from . import dataset_sources as sources
from .dataset_sources import LAYOUTS, SIZES


def open_layout(layout: str, folder: Path) -> Dataset:
    name, build = LAYOUTS[layout]
    return create(name, build(folder), SIZES[name], {})


# Layouts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layout", ["cifar10-binary", "cifar10-python", "celeba-official", "fairface-hub"]
)
def test_every_layout_holds_the_same_labels_and_pixels(layout: str, tmp_path: Path) -> None:
    name, _ = LAYOUTS[layout]
    hub = open_layout(f"{name}-hub", tmp_path / "hub")
    other = open_layout(layout, tmp_path / "other")
    rows = range(len(hub.index))
    for attribute, labels in hub.index.labels.items():
        assert np.array_equal(other.index.labels[attribute], labels)
    assert np.array_equal(other.images(rows), hub.images(rows))
    assert (other.index.official_test is None) == (hub.index.official_test is None)
    if other.index.official_test is not None and hub.index.official_test is not None:
        assert np.array_equal(other.index.official_test, hub.index.official_test)


def test_cifar10_has_its_pixels_its_classes_and_its_official_test_set(tmp_path: Path) -> None:
    dataset = open_layout("cifar10-hub", tmp_path)
    assert np.array_equal(dataset.images(range(14)), sources.CIFAR_PIXELS)
    assert np.array_equal(dataset.index.labels["class"], sources.CIFAR_LABELS)
    names = [dataset.attributes["class"][label] for label in dataset.index.labels["class"]]
    vehicles = {"airplane", "automobile", "ship", "truck"}
    assert dataset.index.labels["living"].tolist() == [int(n not in vehicles) for n in names]
    assert dataset.index.official_test is not None
    assert np.flatnonzero(dataset.index.official_test).tolist() == [10, 11, 12, 13]
    assert dataset.index.keys[6] == "train-00001/0"
    assert dataset.index.subjects == dataset.index.keys


@pytest.mark.parametrize("layout", ["celeba-hub", "celeba-official"])
def test_celeba_knows_who_is_pictured_and_what_each_attribute_says(
    layout: str, tmp_path: Path
) -> None:
    index = open_layout(layout, tmp_path).index
    assert index.subjects == [str(person) for person in sources.CELEBA_PEOPLE]
    for column, attribute in enumerate(NAMES):
        assert np.array_equal(index.labels[attribute], sources.CELEBA_VALUES[:, column])
    assert index.official_test is None


def test_files_may_also_lie_at_the_top_of_the_folder(tmp_path: Path) -> None:
    nested = open_layout("fairface-hub", tmp_path)
    flat = create("fairface", str(tmp_path / "0.25"), 40, {})
    assert flat.revision == nested.revision
    assert flat.encoded(range(9)) == nested.encoded(range(9))


def test_the_download_itself_may_be_named_as_well_as_the_folder_above_it(tmp_path: Path) -> None:
    above = open_layout("cifar10-binary", tmp_path)
    itself = create("cifar10", str(tmp_path / "cifar-10-batches-bin"), 32, {})
    assert itself.revision == above.revision


def test_a_hub_dataset_is_taken_from_the_cache_and_its_commit_is_the_revision(
    tmp_path: Path,
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "datasets--some--fairface"
    sources.fairface_hub(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    code = (
        "from leakboard.generate.datasets import create;"
        "made = create('fairface', 'some/fairface', 40, {}); print(len(made.index), made.revision)"
    )
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    asked = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert asked.stdout.split() == ["9", commit]


# Fitting ------------------------------------------------------------------------------------------


def test_images_that_fit_are_passed_on_byte_for_byte(tmp_path: Path) -> None:
    dataset = open_layout("fairface-hub", tmp_path)
    stored = [sources.encode(p, "JPEG") for p in sources.pictures(6, 40, 40, seed=6)]
    assert dataset.encoded(range(6)) == stored


def test_other_images_are_cropped_to_the_middle_and_resized_with_antialiasing(
    tmp_path: Path,
) -> None:
    dataset = open_layout("celeba-official", tmp_path)
    for row, content in enumerate(sources.CELEBA_IMAGES):
        middle = functional.center_crop(Image.open(io.BytesIO(content)), [178])
        assert np.array_equal(dataset.images([row])[0], functional.resize(middle, [64, 64]))


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_images_in_other_colours_become_rgb(mode: str, tmp_path: Path) -> None:
    dataset = open_layout("celeba-official", tmp_path)
    path = tmp_path / "celeba" / "img_align_celeba" / "000001.jpg"
    Image.new("RGB", (64, 64), (200, 30, 60)).convert(mode).save(
        path, "PNG" if mode == "RGBA" else "JPEG"
    )
    (content,) = dataset.encoded([0])
    image = Image.open(io.BytesIO(content))
    assert (image.mode, image.format, image.size) == ("RGB", "PNG", (64, 64))


# Damage -------------------------------------------------------------------------------------------

Damage = Callable[[Path], object]


def cut(name: str, kept: int) -> Damage:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:kept])


def removed(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def replaced(name: str, old: str, new: str) -> Damage:
    def damage(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return damage


def changed(name: str, change: Callable[[pa.Table], pa.Table]) -> Damage:
    def damage(folder: Path) -> None:
        pq.write_table(change(pq.read_table(folder / name)), folder / name)

    return damage


def with_column(name: str, values: pa.Array) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, values)


CIFAR = "plain_text/train-00000-of-00002.parquet"
FAIRFACE = "0.25/train-00000-of-00001-951dbd63c8724ee1.parquet"
ATTRIBUTES = "celeba/list_attr_celeba.txt"
PEOPLE = "celeba/identity_CelebA.txt"


@pytest.mark.parametrize(
    ("layout", "damage", "error", "words"),
    [
        ("cifar10-hub", removed(CIFAR), MissingData, "expected all 2 .* 'train', but found 1"),
        ("cifar10-hub", cut(CIFAR, 100), CorruptData, "train-00000-of-00002.parquet"),
        (
            "cifar10-hub",
            changed(CIFAR, lambda table: table.drop_columns(["label"])),
            SchemaMismatch,
            r"numbers in \['label'\], but got \{'img'",
        ),
        (
            "cifar10-hub",
            changed(CIFAR, with_column("img", pa.array(range(6)))),
            SchemaMismatch,
            "expected a column 'img' of images",
        ),
        (
            "cifar10-hub",
            changed(CIFAR, with_column("label", pa.array([0, 1, 2, 3, 10, 1]))),
            SchemaMismatch,
            r"'label' in 0..9, but got \[0, 1, 2, 3, 10\]",
        ),
        (
            "cifar10-hub",
            changed(CIFAR, with_column("label", pa.array([0, 1, 2, 3, None, 1]))),
            SchemaMismatch,
            r"a number in every row, but got gaps in \['label'\]",
        ),
        (
            "cifar10-hub",
            changed(CIFAR, with_column("label", pa.array(list("abcdef")))),
            SchemaMismatch,
            r"numbers in \['label'\], .*'label': 'string'",
        ),
        (
            "fairface-hub",
            changed(
                FAIRFACE,
                lambda table: table.replace_schema_metadata(
                    {"huggingface": table.schema.metadata[b"huggingface"].replace(b"Male", b"Man")}
                ),
            ),
            SchemaMismatch,
            "'gender' to mean .*'Male', 'Female'.*, but got .*'Man'",
        ),
        ("cifar10-binary", removed("cifar-10-batches-bin/test_batch.bin"), MissingData, "missing"),
        ("cifar10-binary", cut("cifar-10-batches-bin/data_batch_3.bin", 5000), CorruptData, "5000"),
        ("cifar10-binary", cut("cifar-10-batches-bin/data_batch_3.bin", 0), CorruptData, "0 to 9"),
        (
            "cifar10-binary",
            replaced("cifar-10-batches-bin/batches.meta.txt", "cat", "cow"),
            SchemaMismatch,
            "'cow'",
        ),
        ("cifar10-python", cut("cifar-10-batches-py/data_batch_2", 3000), CorruptData, "cut off"),
        (
            "cifar10-python",
            lambda folder: (folder / "cifar-10-batches-py/test_batch").write_bytes(b"\x80\x02}."),
            SchemaMismatch,
            "give the binary version",
        ),
        ("celeba-official", removed(ATTRIBUTES), MissingData, "list_attr_celeba.txt"),
        ("celeba-official", removed(PEOPLE), MissingData, "identity_CelebA.txt"),
        (
            "celeba-official",
            removed("celeba/img_align_celeba/000004.jpg"),
            MissingData,
            "1 of 10 images are missing, the first is 000004.jpg",
        ),
        ("celeba-official", replaced(ATTRIBUTES, "Bald", "Bold"), SchemaMismatch, "40 attributes"),
        ("celeba-official", replaced(ATTRIBUTES, "-1", "0"), SchemaMismatch, "only -1 and 1"),
        ("celeba-official", replaced(ATTRIBUTES, "-1", ""), SchemaMismatch, "41 columns"),
        ("celeba-official", replaced(PEOPLE, "000003", "999999"), SchemaMismatch, "000003.jpg"),
    ],
)
def test_a_damaged_source_is_refused_in_one_sentence(
    layout: str, damage: Damage, error: type[LeakboardError], words: str, tmp_path: Path
) -> None:
    name, build = LAYOUTS[layout]
    source = build(tmp_path)
    damage(tmp_path)
    with pytest.raises(error, match=words) as refused:
        create(name, source, SIZES[name], {})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", SIZES)
def test_a_source_that_is_missing_is_answered_with_what_is_accepted(
    name: str, tmp_path: Path
) -> None:
    for source in (None, "no/such/folder", "-"):
        with pytest.raises(MissingData, match=r"give --data .*/.*Parquet") as refused:
            create(name, source, 32, {})
        assert "\n" not in str(refused.value)
    with pytest.raises(MissingData, match="expected its Parquet files train-NNNNN"):
        create(name, str(tmp_path), 32, {})


@pytest.mark.parametrize("read", [lambda d, rows: d.encoded(rows), lambda d, rows: d.images(rows)])
def test_a_corrupt_image_stops_the_reading_and_is_named(
    read: Callable[[Dataset, list[int]], object], tmp_path: Path
) -> None:
    source = sources.fairface_hub(tmp_path)
    good = sources.encode(sources.pictures(1, 40, 40)[0], "JPEG")
    contents = [good, good[:300], b"not an image", None]
    labels = {name: [0] * 4 for name in ("age", "gender", "race")}
    sources.write_parquet(tmp_path / FAIRFACE, "image", contents, labels, {})
    dataset = create("fairface", source, 40, {})
    read(dataset, [0])
    for row in (1, 2, 3):
        with pytest.raises(CorruptData, match=f"image train-00000/{row} "):
            read(dataset, [0, row])


def test_one_changed_byte_changes_the_revision(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        name, build = LAYOUTS[layout]
        source = build(tmp_path / layout)
        before = create(name, source, SIZES[name], {}).revision
        files = [path for path in (tmp_path / layout).rglob("*") if path.is_file()]
        largest = max(files, key=lambda path: path.stat().st_size)
        content = bytearray(largest.read_bytes())
        content[len(content) // 3] ^= 1
        largest.write_bytes(content)
        assert create(name, source, SIZES[name], {}).revision != before


# CIFAR-10's Python batches are pickles -----------------------------------------------------------


def test_a_batch_in_fortran_order_is_read_as_such(tmp_path: Path) -> None:
    source = sources.cifar10_python(tmp_path)
    expected = create("cifar10", source, 32, {}).images(range(2))
    turned = sources.planes(slice(0, 2)).T.tobytes()
    batch = sources.python2_batch([6, 9], turned, fortran=True)
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(batch)
    assert np.array_equal(create("cifar10", source, 32, {}).images(range(2)), expected)


def test_code_in_a_python_batch_is_never_run(tmp_path: Path) -> None:
    source = sources.cifar10_python(tmp_path)
    touched = tmp_path / "touched"
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    call = b"cpathlib\nPath.touch\ncpathlib\nPath\n" + sources.python2_string(str(touched))
    path.write_bytes(b"\x80\x02" + call + b"\x85R\x85R0" + path.read_bytes()[2:])
    assert len(create("cifar10", source, 32, {}).index) == 14
    assert not touched.exists()
