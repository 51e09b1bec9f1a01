"""Prediction files: whatever is wrong with one, a sentence says so and nothing is scored."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from leakboard.evaluate import score
from leakboard.schemas import (
    BadPredictions,
    MissingData,
    Predictions,
    Release,
    Track,
    aligned,
    read_predictions,
)
from leakboard.schemas.prediction_header import METADATA_KEY

from .conftest import SIZE, WritePredictions, asked_ids

IMAGE_LENGTH = SIZE * SIZE * 3
each_track = pytest.mark.parametrize("track", Track)


def sound_values(track: Track, count: int = 20) -> NDArray[Any]:
    random = np.random.default_rng(0)
    if track is Track.RECONSTRUCTION:
        return random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    return random.dirichlet(np.ones(3), count).astype(np.float32)


@pytest.fixture
def ids(handmade: Release) -> list[str]:
    return asked_ids(handmade, "validation")


@pytest.fixture
def sound(write_predictions: WritePredictions) -> Path:
    """A prediction file of the attribute track with nothing wrong."""
    return write_predictions(sound_values(Track.ATTRIBUTE))


def refused(release: Release, path: Path, sentence: str) -> None:
    """Scoring stops with one line that names the file and holds `sentence`."""
    with pytest.raises(BadPredictions) as caught:
        score(release, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert sentence in message
    assert "\n" not in message


def rewrite(path: Path, **columns: pa.Array) -> Path:
    """Replace or add columns and keep the header."""
    table = pq.read_table(path)
    held = {name: table.column(name) for name in table.column_names} | columns
    metadata = {METADATA_KEY: table.schema.metadata[METADATA_KEY]}
    pq.write_table(pa.table(held).replace_schema_metadata(metadata), path)
    return path


def with_header(path: Path, content: bytes | None) -> Path:
    table = pq.read_table(path)
    metadata = None if content is None else {METADATA_KEY: content}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def lists(values: Sequence[Any], item: pa.DataType, length: int) -> pa.Array:
    return pa.array(values, pa.list_(item, length))


@each_track
def test_predictions_come_back_value_for_value(
    handmade: Release, write_predictions: WritePredictions, ids: list[str], track: Track
) -> None:
    values = sound_values(track)
    order = np.random.default_rng(1).permutation(len(ids))
    path = write_predictions(values[order], ids=[ids[row] for row in order])
    given = read_predictions(path, handmade.manifest)
    assert (aligned(given, ids, path) == values).all()
    assert given.header.track is track


# Ids ---------------------------------------------------------------------------------------------


@each_track
def test_every_image_is_predicted_exactly_once(
    handmade: Release, write_predictions: WritePredictions, ids: list[str], track: Track
) -> None:
    values = sound_values(track)
    path = write_predictions(values[1:], ids=ids[1:])
    refused(handmade, path, f"1 of 20 ids have no prediction, the first is {ids[0]}")
    path = write_predictions(values, ids=[*ids[:-1], ids[0]])
    refused(handmade, path, f"the id {ids[0]} occurs more than once")
    stranger = "f" * 32
    path = write_predictions(sound_values(track, 21), ids=[*ids, stranger])
    refused(handmade, path, f"1 ids are not asked for, the first is {stranger}")
    path = write_predictions(values[:0], ids=[])
    refused(handmade, path, "20 of 20 ids have no prediction")


def test_ids_are_text_and_none_is_missing(handmade: Release, sound: Path, ids: list[str]) -> None:
    missing = rewrite(sound, sample_id=pa.array([None, *ids[1:]]))
    refused(handmade, missing, "sample_id holds nulls")
    refused(handmade, rewrite(sound, sample_id=pa.array(range(20))), "must be a string, but is int")


def test_ids_that_are_not_utf8_are_refused(handmade: Release, sound: Path, ids: list[str]) -> None:
    encoded = [b"\xff" * 32, *(name.encode() for name in ids[1:])]
    path = rewrite(sound, sample_id=pa.array(encoded).view(pa.string()))
    refused(handmade, path, "not a readable Parquet file")


# Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(
    handmade: Release, write_predictions: WritePredictions, ids: list[str], wrong: float
) -> None:
    values = sound_values(Track.ATTRIBUTE)
    values[7, 1] = wrong
    path = write_predictions(values)
    refused(handmade, path, f"row 7 ({ids[7]}): a number that is not finite; give every class a")


@pytest.mark.parametrize("row", [[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [1.2, -0.1, -0.1], [3e38] * 3])
def test_probabilities_are_probabilities(
    handmade: Release, write_predictions: WritePredictions, ids: list[str], row: list[float]
) -> None:
    values = sound_values(Track.ATTRIBUTE)
    values[3] = row
    path = write_predictions(values)
    refused(handmade, path, f"row 3 ({ids[3]}): probabilities that are negative or do not sum")


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_another_number_of_classes_is_refused(
    handmade: Release, write_predictions: WritePredictions, classes: int
) -> None:
    path = write_predictions(np.full((20, classes), 1 / classes, np.float32))
    refused(handmade, path, f"for each class of 'letter', but holds {classes}; give them in the")


def test_another_image_size_is_refused(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    path = write_predictions(np.zeros((20, 8, 8, 3), np.uint8))
    refused(handmade, path, "each image must hold 16 x 16 x 3 = 768 numbers, but holds 192")


@pytest.mark.parametrize(
    "column",
    [
        lists([[0.2, 0.3, 0.5]] * 20, pa.float64(), 3),
        lists([["0.2", "0.3", "0.5"]] * 20, pa.string(), 3),
        pa.array([[0.2, 0.3, 0.5]] * 20, pa.list_(pa.float32())),
        pa.array([0.2] * 20, pa.float32()),
    ],
    ids=lambda column: str(column.type),
)
def test_another_number_format_is_refused(handmade: Release, sound: Path, column: pa.Array) -> None:
    path = rewrite(sound, probabilities=column)
    refused(handmade, path, "probabilities must be a fixed-size list of float, but is ")


@pytest.mark.parametrize("first", [None, [0.5, None, 0.5]], ids=["a row", "a number"])
def test_nothing_may_be_null(handmade: Release, sound: Path, first: list[float] | None) -> None:
    column = lists([first, *[[0.2, 0.3, 0.5]] * 19], pa.float32(), 3)
    refused(handmade, rewrite(sound, probabilities=column), "probabilities holds nulls")


def test_columns_are_those_of_the_track(handmade: Release, sound: Path, ids: list[str]) -> None:
    more = rewrite(sound, confidence=pa.array([1.0] * 20))
    refused(handmade, more, "expected the columns ['sample_id', 'probabilities'], but got")
    pixels = lists([[0] * IMAGE_LENGTH] * 20, pa.uint8(), IMAGE_LENGTH)
    table = pa.table({"sample_id": ids, "image": pixels})
    pq.write_table(table.replace_schema_metadata(pq.read_schema(sound).metadata), sound)
    refused(handmade, sound, "but got ['sample_id', 'image']")


# Header ------------------------------------------------------------------------------------------


def test_predictions_for_another_release_are_refused(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    path = write_predictions(sound_values(Track.ATTRIBUTE), fingerprint="a" * 64)
    refused(handmade, path, "made for the release aaaaaaaaaaaa…, but this is handmade-s0")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "the metadata has no 'leakboard' header"),
        (b"{", "the 'leakboard' header is not JSON"),
        (b"\xff", "the 'leakboard' header is not JSON"),
        (b"[" * 60_000, "the 'leakboard' header is not JSON"),
        (b" " * 70_000, "the 'leakboard' header is over 65536 bytes"),
        (b"[1]", "header: the record"),
        (b"{}", "header: key 'fingerprint' is missing"),
    ],
    ids=["none", "cut", "not text", "deep", "long", "a list", "empty"],
)
def test_a_file_without_a_sound_header_is_refused(
    handmade: Release, sound: Path, content: bytes | None, sentence: str
) -> None:
    refused(handmade, with_header(sound, content), sentence)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("schema_version", 2),
        ("split", "reserve"),
        ("track", "membership"),
        ("setting", "omniscient"),
        ("attack", ""),
        ("fingerprint", "0"),
        ("auxiliary_records", -1),
        ("auxiliary_records", float("nan")),
        ("options", {"lr": float("inf")}),
        ("colour", "red"),
    ],
)
def test_a_header_with_a_wrong_field_names_it(
    handmade: Release, sound: Path, key: str, wrong: object
) -> None:
    fields = json.loads(pq.read_schema(sound).metadata[METADATA_KEY])
    path = with_header(sound, json.dumps(fields | {key: wrong}).encode())
    refused(handmade, path, key)


# Files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"PAR1", b"sample_id,probabilities\n", b"\0" * 1000])
def test_a_file_that_is_not_parquet_is_refused(
    handmade: Release, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "predictions.parquet"
    path.write_bytes(content)
    refused(handmade, path, "not a readable Parquet file")


def test_a_file_that_is_not_there_is_missing(handmade: Release, tmp_path: Path) -> None:
    reasons = {"nothing.parquet": "there is no such prediction file", ".": "it is a folder"}
    for name, reason in reasons.items():
        with pytest.raises(MissingData, match=reason):
            score(handmade, tmp_path / name)


def test_a_cut_file_is_refused(handmade: Release, sound: Path) -> None:
    content = sound.read_bytes()
    for length in range(0, len(content), 37):
        sound.write_bytes(content[:length])
        refused(handmade, sound, "not a readable Parquet file")


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_sentence(
    handmade: Release, tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    for framed in (content, b"PAR1" + content + b"PAR1"):
        path.write_bytes(framed)
        refused(handmade, path, "not a readable Parquet file")


@pytest.mark.slow
@each_track
def test_a_flipped_byte_is_refused_or_harmless(
    handmade: Release, write_predictions: WritePredictions, ids: list[str], track: Track
) -> None:
    path = write_predictions(sound_values(track))
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for position in random.choice(len(content), 1000, replace=False):
        damaged = bytearray(content)
        damaged[position] ^= random.integers(1, 256)
        path.write_bytes(damaged)
        # Parquet has no checksums: numbers may change, but they stay predictions for every image
        with suppress(BadPredictions):
            given = read_predictions(path, handmade.manifest)
            assert aligned(given, ids, path).shape == sound_values(track).shape


def test_floats_of_any_format_are_written_as_the_format_has_them(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    values = sound_values(Track.ATTRIBUTE, len(asked_ids(handmade, "validation"))).astype(
        np.float64
    )
    read = read_predictions(write_predictions(values), handmade.manifest)
    assert read.values.dtype == np.float32
    assert np.array_equal(read.values, values.astype(np.float32))


# Writing -----------------------------------------------------------------------------------------


@pytest.fixture
def made(handmade: Release, sound: Path) -> Predictions:
    return read_predictions(sound, handmade.manifest)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (lambda p: p[:-1], r"expected probabilities \(N, K\) for N = "),
        (lambda p: (p > 0.5).astype(int), r"expected probabilities \(N, K\) for N = "),
        (lambda p: p.argmax(axis=1), r"expected probabilities \(N, K\) for N = "),
        (np.log, r"row 0 \(\w+\) and 19 more: probabilities that are negative or do not sum to 1;"),
        (lambda p: p / 0, r"row 0 \(\w+\) and 19 more: a number that is not finite;"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_are_no_probabilities_is_not_written(
    made: Predictions, tmp_path: Path, wrong: Any, expected: str
) -> None:
    path = tmp_path / "mine.parquet"
    with pytest.raises(BadPredictions, match=expected):
        replace(made, values=wrong(made.values)).write(path)
    assert not path.exists()


def test_images_are_written_as_bytes(made: Predictions, tmp_path: Path) -> None:
    header = made.header.model_copy(update={"track": Track.RECONSTRUCTION})
    floats = np.zeros((20, SIZE, SIZE, 3))
    with pytest.raises(BadPredictions, match=r"expected uint8 images \(N, H, W, 3\) for N = 20"):
        replace(made, header=header, values=floats).write(tmp_path / "mine.parquet")


@pytest.mark.parametrize(
    "change",
    [
        lambda p: replace(p, values=np.full((20, 4), 0.25)),
        lambda p: replace(p, values=p.values[1:], sample_ids=p.sample_ids[1:]),
        lambda p: replace(p, sample_ids=[p.sample_ids[0], *p.sample_ids[:-1]]),
        lambda p: replace(p, sample_ids=["f" * 32, *p.sample_ids[1:]]),
        lambda p: replace(p, header=p.header.model_copy(update={"fingerprint": "a" * 64})),
        lambda p: replace(p, header=p.header.model_copy(update={"split": "test"})),
        lambda p: replace(p, header=p.header.model_copy(update={"asked": 19})),
        lambda p: replace(p, header=p.header.model_copy(update={"asked": 21})),
        lambda p: replace(
            p,
            header=p.header.model_copy(update={"track": Track.RECONSTRUCTION}),
            values=np.zeros((20, 8, 8, 3), np.uint8),
        ),
    ],
    ids=["classes", "fewer", "twice", "stranger", "release", "split", "asked", "more", "size"],
)
def test_beside_its_release_a_file_is_refused_in_the_words_of_the_scorer(
    handmade: Release, made: Predictions, tmp_path: Path, change: Any
) -> None:
    path, wrong = tmp_path / "mine.parquet", change(made)
    with pytest.raises(BadPredictions) as at_write:
        wrong.write(path, handmade)
    assert not path.exists()
    wrong.write(path)
    refused(handmade, path, str(at_write.value))


def test_a_sound_file_is_written_beside_its_release(
    handmade: Release, made: Predictions, tmp_path: Path
) -> None:
    first = replace(
        made,
        header=made.header.model_copy(update={"asked": 5}),
        sample_ids=made.sample_ids[:5],
        values=made.values[:5],
    )
    for number, one in enumerate((made, first)):
        one.write(tmp_path / f"{number}.parquet", handmade)
        score(handmade, tmp_path / f"{number}.parquet")
