"""Fuzz of what reads strangers' bytes: it takes them or refuses them in a sentence, and no more.

FUZZ_EXAMPLES=100000 makes it a long run; what that finds becomes a case in predictions.py.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leakboard.leaderboard.desk.check import Question
from leakboard.leaderboard.worker.helpers import Helpers
from leakboard.schemas import LeakboardError, Manifest, PredictionHeader, Release

from ..submitting import DECLARED, header_of, write_file
from .predictions import pairs, table

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
pytestmark = pytest.mark.slow

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
edits = st.lists(
    st.tuples(st.integers(0, 2**20), st.integers(0, 4), st.binary(max_size=6)),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helpers]:
    made = Helpers(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


def edited(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Replace a few bytes at some places; half of them in the footer, which decides most."""
    for place, length, text in changes:
        start = place % len(content) if place % 2 else max(0, len(content) - 1 - place % 2500)
        content = content[:start] + text + content[start + length :]
    return content or b"P"


def check(helpers: Helpers, release: Release, file: Path, declared: Any = DECLARED) -> None:
    """Ask the checker; it must not die, and says in lines that hide nothing what is wrong."""
    question = Question(declared=declared, file=str(file))
    checked = helpers.check(release.folder, question)
    assert bool(checked.problems) == (checked.likeness is None)
    assert all(problem.isprintable() and len(problem) < 1000 for problem in checked.problems)


@fuzz
@given(changes=edits)
def test_a_damaged_prediction_file(
    helpers: Helpers, release: Release, tmp_path: Path, changes: list[tuple[int, int, bytes]]
) -> None:
    path = write_file(tmp_path / "damaged.parquet", release)
    path.write_bytes(edited(path.read_bytes(), changes))
    check(helpers, release, path)


@fuzz
@given(changes=st.dictionaries(st.sampled_from([*PredictionHeader.model_fields, "x"]), json_values))
def test_any_header(
    helpers: Helpers, release: Release, tmp_path: Path, changes: dict[str, Any]
) -> None:
    ids = release.asked_ids("test")
    fields = json.loads(header_of(release).model_dump_json()) | changes
    columns = {"sample_id": pa.array(ids), "probabilities": pairs(len(ids))}
    file = table(tmp_path, release, columns, header=json.dumps(fields).encode())
    check(helpers, release, file)


@fuzz
@given(
    values=st.lists(st.lists(st.floats(width=32), min_size=2, max_size=2), max_size=6),
    ids=st.lists(st.text(max_size=40), max_size=6),
    codec=st.sampled_from(["none", "snappy", "gzip", "zstd", "brotli", "lz4"]),
    groups=st.integers(1, 4),
)
def test_any_rows(
    helpers: Helpers,
    release: Release,
    tmp_path: Path,
    values: list[list[float]],
    ids: list[str],
    codec: str,
    groups: int,
) -> None:
    rows = min(len(values), len(ids))
    encodable = [text.encode(errors="replace").decode() for text in ids[:rows]]
    column = pa.array(values[:rows], pa.list_(pa.float32(), 2))
    columns = {"sample_id": pa.array(encodable, pa.string()), "probabilities": column}
    file = table(tmp_path, release, columns, compression=codec, row_group_size=groups)
    check(helpers, release, file)


@fuzz
@given(declared=st.dictionaries(st.sampled_from([*DECLARED, "paper", "content", "x"]), json_values))
def test_any_declaration(
    helpers: Helpers, release: Release, tmp_path: Path, declared: dict[str, Any]
) -> None:
    file = write_file(tmp_path / "sound.parquet", release)
    check(helpers, release, file, DECLARED | declared)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON document something else could stand."""
    yield path
    if isinstance(content, dict | list):
        inner = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in inner:
            yield from places(value, (*path, key))


@fuzz
@given(data=st.data(), value=json_values)
def test_a_manifest_with_anything_anywhere(
    release: Release, tmp_path: Path, data: st.DataObject, value: Any
) -> None:
    content = json.loads((release.folder / "manifest.json").read_text())
    *parents, last = data.draw(st.sampled_from([place for place in places(content) if place]))
    inner = content
    for key in parents:
        inner = inner[key]
    inner[last] = value
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with suppress(LeakboardError):
        Manifest.read(tmp_path)


@fuzz
@given(changes=edits)
def test_a_damaged_manifest(
    release: Release, tmp_path: Path, changes: list[tuple[int, int, bytes]]
) -> None:
    content = (release.folder / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").write_bytes(edited(content, changes))
    with suppress(LeakboardError):
        Manifest.read(tmp_path)
