"""Check a submission: the same on the submitter's machine and on the server, without the truth.

`main` is the server's: it reads strangers' files in a process of its own, whose memory is limited
and which dies alone. Each line that it reads is a `Question`, each that it writes a `Checked`.
"""

import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...schemas import (
    BadSubmission,
    PredictionHeader,
    Record,
    Release,
    Submission,
    checked_predictions,
)
from ...schemas.base import cut
from .likeness import Likeness
from .prediction_file import NOT_PLAIN, is_plain

SPLITS = ("validation", "test")  # where attacks are scored
MEMORY_BYTES = 6 * 2**30  # of address space: a reader maps much more than it uses

TOO_MUCH = f"reading it takes more than {MEMORY_BYTES // 2**30} GiB of memory; write it anew"


class Question(Record):
    """What is to be checked: a declaration, and where its prediction file lies."""

    declared: dict[str, Any]
    file: str


class Checked(Record):
    """Every problem found; without any, what the file says of itself and how to know it again."""

    problems: tuple[str, ...]
    submission: Submission | None = None
    split: str | None = None
    likeness: Likeness | None = None


def check(release: Release, declared: Mapping[str, Any], file: Path) -> Checked:
    """Find everything that is wrong with a declaration and its prediction file.

    Each problem names its row, id or field. Where the declaration is wrong, the file is checked
    all the same.
    """
    submission, problems = declaration(declared)
    if not is_plain(file):
        problems.append(NOT_PLAIN)
        return Checked(problems=tuple(problems), submission=submission)
    header, predictions, found = checked_predictions(file, release)
    problems += [problem.removeprefix(f"{file}: ") for problem in found]
    if header is not None:
        problems += _disagreements(declared, header)
    sound = not problems and predictions is not None
    return Checked(
        problems=tuple(problems),
        submission=submission,
        split=None if header is None else header.split,
        likeness=Likeness.of(predictions) if sound and predictions is not None else None,
    )


def declaration(declared: Mapping[str, Any]) -> tuple[Submission | None, list[str]]:
    """What is declared, or else every problem of it."""
    try:
        return Submission.of(declared), []
    except BadSubmission as refused:
        return None, list(refused.problems)


def _disagreements(declared: Mapping[str, Any], header: PredictionHeader) -> list[str]:
    """Where the declaration and the header of the file do not say the same."""
    problems = [
        f"{name}: the submission declares {cut(declared[name])}, but the file says "
        f"{getattr(header, name)!s}; correct one of them"
        for name in ("track", "setting", "auxiliary_records")
        if name in declared and declared[name] != getattr(header, name)
    ]
    if header.split not in SPLITS:
        problems.append(f"split: predictions of {header.split!r} are not ranked; predict 'test'")
    if header.ceiling:
        problems.append("ceiling: a yardstick that reads the inputs is not an attack")
    return problems


def main() -> None:
    """Answer questions about submissions to one release until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    release = Release.open(Path(sys.argv[1]))
    for line in sys.stdin:
        question = Question.model_validate_json(line)
        try:
            answer = check(release, question.declared, Path(question.file))
        except MemoryError:
            answer = Checked(problems=(TOO_MUCH,))
        print(answer.model_dump_json(), flush=True)
