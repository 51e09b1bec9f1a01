"""Conformance: somebody's own metric code against golden vectors.

A file under test defines functions named like our metrics. Each is called with the arguments that
it names, and returns one number for the whole set:

predicted, truth        images (N, H, W, 3), floating point in [0, 1]
judge                   stands in for LPIPS: `judge(first, second)`, torch (N, 3, H, W) in [-1, 1]
probabilities, labels   (N, K) and (N,)         majority, task_output  (N,): that guess is right
task                    (N,) task class         similarity, own        (N, G) and (N,): own column
"""

import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ...schemas import MissingData, Record, UsageError
from ._traps import TRAPS, Given
from ._vectors import TOLERANCE, WIDER, Case, arguments, read_vectors

__all__ = ["Conformance", "Verdict", "check", "conformance"]

Function = Callable[..., Any]


class Verdict(Record):
    """One function on the case in which it is furthest from what is expected.

    `got` and `apart` are None where it gave no finite number; `problems` say what went wrong.
    """

    ok: bool
    tolerance: float
    case: str
    expected: float
    got: float | None
    apart: float | None
    problems: tuple[str, ...]


class Conformance(Record):
    """What `leakboard conformance --json` prints; `absent` metrics have no function in the file."""

    ok: bool
    file: str
    verdicts: dict[str, Verdict]
    absent: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a function gave for a case: a number, or why there is none."""

    case: Case
    given: Given
    expected: float
    got: float
    refusal: str = ""

    @property
    def apart(self) -> float:
        """How far from what is expected; infinite where there is no finite number."""
        return abs(self.got - self.expected) if math.isfinite(self.got) else math.inf


def conformance(path: Path) -> Conformance:
    """Check every function of a Python file that is named like one of our metrics.

    The file is imported, and so runs. `MissingData` or `UsageError` where there is none to check.
    """
    verdicts = check(vars(_imported(path)))
    known = {metric for case in read_vectors()[0] for metric in case.expected}
    if not verdicts:
        raise UsageError(f"{path} has no function to check; name it {', '.join(sorted(known))}")
    return Conformance(
        ok=all(verdict.ok for verdict in verdicts.values()),
        file=str(path),
        verdicts=verdicts,
        absent=tuple(sorted(known - verdicts.keys())),
    )


def check(functions: Mapping[str, Any]) -> dict[str, Verdict]:
    """Check the functions that are named like our metrics; other names are left alone."""
    cases, judge = read_vectors()
    answers: dict[str, list[Answer]] = {}
    for case in cases:
        for name in case.expected:
            if callable(functions.get(name)):
                given = arguments(case.arrays, judge)
                answers.setdefault(name, []).append(_ask(name, functions[name], case, given))
    return {name: _verdict(name, asked) for name, asked in sorted(answers.items())}


def _ask(name: str, function: Function, case: Case, given: Given) -> Answer:
    """Call the function with copies of the arguments it names."""
    expected = case.expected[name]
    asked = inspect.signature(function).parameters
    strangers = [name for name in asked if name not in given]
    if strangers:
        names = ", ".join(given)
        refusal = f"asks for {', '.join(strangers)}; the arguments are {names}"
        return Answer(case, given, expected, math.nan, refusal)
    try:
        return Answer(
            case, given, expected, float(function(**{key: _copy(given[key]) for key in asked}))
        )
    except Exception as problem:  # whatever somebody's code raises is our finding
        refusal = f"gives no single number: {type(problem).__name__}: {problem}"
        return Answer(case, given, expected, math.nan, refusal)


def _copy(argument: Any) -> Any:
    return argument.copy() if hasattr(argument, "copy") else argument


def _verdict(name: str, answers: list[Answer]) -> Verdict:
    tolerance = WIDER.get(name, TOLERANCE)
    worst = max(answers, key=lambda answer: answer.apart)
    wrong = [answer for answer in answers if answer.apart > tolerance]
    finite = math.isfinite(worst.apart)
    return Verdict(
        ok=not wrong,
        tolerance=tolerance,
        case=worst.case.name,
        expected=worst.expected,
        got=worst.got if finite else None,
        apart=worst.apart if finite else None,
        problems=tuple(dict.fromkeys(_problems(name, wrong, tolerance))),
    )


def _problems(name: str, wrong: list[Answer], tolerance: float) -> Iterator[str]:
    """Say of each wrong answer which trap gives the same number, the one that explains most."""
    explained = {
        trap: [
            answer for answer in wrong if abs(trap.wrong(answer.given) - answer.got) <= tolerance
        ]
        for trap in TRAPS.get(name, ())
    }
    traps = sorted(explained, key=lambda trap: -len(explained[trap]))
    for answer in wrong:
        trap = next((trap for trap in traps if answer in explained[trap]), None)
        if answer.refusal:
            yield answer.refusal
        elif trap is not None:
            yield trap.says.format(apart=answer.apart)
        else:
            yield f"{answer.got:g} on {answer.case.name!r}, where {answer.expected:g} is expected"


def _imported(path: Path) -> ModuleType:
    """Import a file as a script would see it: its own folder comes first on the path."""
    if not path.is_file():
        raise MissingData(f"{path}: there is no such file of metrics")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file; metrics are functions in a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as problem:  # somebody's code
        reason = f"{type(problem).__name__}: {problem}"
        raise UsageError(f"{path} cannot be imported: {reason}") from problem
    finally:
        del sys.path[0]
    return module
