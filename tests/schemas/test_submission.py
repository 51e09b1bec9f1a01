"""The declaration of a submission: each mistake is named with its field, all of them at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakboard.schemas import BadSubmission, MissingData, Submission
from leakboard.schemas.submission import Model, PredictionFile, read_declaration

from ..submitting import DECLARED, write_declaration


def problems(**changes: Any) -> tuple[str, ...]:
    declared = {key: value for key, value in (DECLARED | changes).items() if value is not None}
    with pytest.raises(BadSubmission) as refused:
        Submission.of(declared)
    return refused.value.problems


def test_a_declaration_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_declaration(tmp_path / "about.toml")
    submission = Submission.of(read_declaration(path))
    assert submission.model_dump(mode="json", include=set(DECLARED)) == DECLARED
    assert submission.content == PredictionFile()
    assert Submission.model_validate_json(submission.model_dump_json()) == submission


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"licence": None}, "key 'licence' is missing: add it"),
        ({"licnece": "MIT"}, "unknown key 'licnece': did you mean 'licence'?"),
        ({"track": "membership"}, "track: input should be 'attribute' or 'reconstruction'"),
        ({"setting": "omniscient"}, "setting: input should be 'auxiliary', 'whitebox' or"),
        ({"authors": []}, "authors: must hold one at least"),
        ({"seeds": [-1]}, "seeds.0: input should be greater than or equal to 0, but got -1"),
        ({"seeds": [2**63]}, "seeds.0: input should be less than"),
        ({"auxiliary_records": 1e400}, "auxiliary_records: input should be a finite number"),
        (
            {"paper": "javascript:alert(1)"},
            "paper: must be an address that begins with https:// or http://",
        ),
        ({"content": {"kind": "pickle"}}, "content: input tag 'pickle' found"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(change: dict[str, Any], says: str) -> None:
    (problem,) = problems(**change)
    assert problem.startswith(says)


def test_every_problem_is_told_at_once() -> None:
    wrong = {"name": "", "authors": [""], "licence": "?", "seeds": [], "compute": None}
    found = problems(**wrong)
    assert len(found) == 5
    assert all(any(key in problem for problem in found) for key in wrong)


def test_a_model_is_another_kind_of_content() -> None:
    declared = DECLARED | {"content": {"kind": "model", "format": "onnx"}}
    assert Submission.of(declared).content == Model(format="onnx")


@pytest.mark.parametrize(
    "content", [b"\xff", b"name = ", b"a = " + b"[" * 10_000, b"a = " + b"9" * 5000, b"\0"]
)
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "about.toml"
    path.write_bytes(content)
    with pytest.raises(BadSubmission, match="not a TOML file"):
        read_declaration(path)


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "about.toml"
    with pytest.raises(MissingData, match="write there what the submission declares"):
        read_declaration(path)
    path.write_bytes(b"#" * 2**20)
    with pytest.raises(BadSubmission, match="larger than 65536 bytes"):
        read_declaration(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def said(check: Callable[[], object]) -> tuple[str, ...]:
    """What is said against something; nothing where it is taken."""
    try:
        check()
    except BadSubmission as refused:
        return refused.problems
    return ()


@given(st.dictionaries(st.sampled_from([*DECLARED, "paper", "citation", "content"]), values))
def test_any_values_are_taken_or_refused_in_lines_that_hide_nothing(
    changes: dict[str, Any],
) -> None:
    problems = said(lambda: Submission.of(DECLARED | changes))
    assert all(problem.isprintable() and len(problem) < 600 for problem in problems)


@given(st.text(max_size=200).map(str.encode) | st.binary(max_size=200))
def test_any_bytes_are_toml_or_refused(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    assert len(said(lambda: read_declaration(path))) <= 1
