"""Hostile prediction files against the checker: each ends in the sentence that it deserves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leakboard.leaderboard.desk.check import Checked, Question
from leakboard.leaderboard.worker.helpers import Helpers
from leakboard.schemas import Release

from ..submitting import DECLARED
from .predictions import CANARY, CASES, Case, sound

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]  # none keeps the checker for long


@pytest.fixture(scope="module")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helpers]:
    made = Helpers(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


def ask(helpers: Helpers, release: Release, file: Path, case: Case) -> Checked:
    question = Question(declared=DECLARED | case.declared, file=str(file))
    return helpers.check(release.folder, question)


@pytest.mark.parametrize("name", CASES)
def test_it_ends_in_a_sentence_and_the_next_one_is_checked(
    helpers: Helpers, release: Release, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    checked = ask(helpers, release, case.make(tmp_path, release), case)
    if case.end is None:
        assert checked.problems == ()
    else:
        assert any(case.end in problem for problem in checked.problems), checked.problems
        assert all(problem.isprintable() for problem in checked.problems)
        assert checked.likeness is None
    assert not list(Path.cwd().glob(f"*{CANARY}*"))
    after = ask(helpers, release, sound(tmp_path, release), Case(sound, None))
    assert after.problems == ()


def test_there_are_at_least_sixty() -> None:
    assert len(CASES) >= 60
