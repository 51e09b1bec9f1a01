"""A process that answers lines: it may die, hang or talk too much, and the next one answers."""

import sys
from pathlib import Path

import pytest

from leakboard.leaderboard.desk.line_process import LineProcess, ProcessDied

ECHO = """
import os, sys, time
for line in sys.stdin:
    match line.split():
        case ["die", code]:
            os._exit(int(code))
        case ["sleep"]:
            time.sleep(60)
        case ["half"]:
            print("no end of line", end="", flush=True)
            os._exit(0)
    print("said", line.strip(), os.getpid(), flush=True)
    print("and this aside", file=sys.stderr, flush=True)
"""


@pytest.fixture
def process(tmp_path: Path) -> LineProcess:
    return LineProcess([sys.executable, "-c", ECHO], tmp_path / "logs" / "echo.log")


def test_it_answers_until_it_is_closed(process: LineProcess) -> None:
    first, second = process.ask("a", 10).split(), process.ask("b", 10).split()
    assert (first[:2], second[:2]) == (["said", "a"], ["said", "b"])
    assert first[2] == second[2]
    process.close()
    process.close()
    assert "and this aside" in process.log.read_text()


@pytest.mark.parametrize(
    ("question", "seconds", "says"),
    [
        ("die 3", 10, "it ended with exit code 3"),
        ("half", 10, "it ended with exit code 0"),
        ("sleep", 0.3, "it took longer than 0.3 s"),
    ],
)
def test_it_dies_with_a_reason_and_another_answers_the_next_question(
    process: LineProcess, question: str, seconds: float, says: str
) -> None:
    before = process.ask("a", 10).split()[2]
    with pytest.raises(ProcessDied, match=says):
        process.ask(question, seconds)
    assert process.ask("b", 10).split()[2] != before
    process.close()
