"""`leakboard conformance`: exit codes, the table, JSON."""

import json
from pathlib import Path

from .conftest import Run

SOUND = "def l1(predicted, truth):\n    return abs(predicted - truth).mean()\n"
WRONG = "def mse(predicted, truth):\n    return ((255 * (predicted - truth)) ** 2).mean()\n"


def test_sound_code_passes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOUND)
    ran = run("conformance", tmp_path / "mine.py")
    assert ran.code == 0
    assert "l1      passes" in ran.out
    assert f"not in {tmp_path / 'mine.py'}: advantage_over_majority, " in ran.out


def test_wrong_code_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOUND + WRONG)
    ran = run("conformance", tmp_path / "mine.py")
    assert ran.code == 1
    assert "mse     FAILS" in ran.out
    assert "mse: computed on grey levels of 0 to 255; use [0, 1]\n" in ran.out
    ran = run("conformance", tmp_path / "mine.py", "--json")
    report = json.loads(ran.out)
    assert (ran.code, report["ok"]) == (1, False)
    assert report["verdicts"]["l1"]["ok"] is True
    assert report["verdicts"]["mse"]["got"] == 255**2


def test_nothing_to_check_is_a_wrong_request(run: Run, tmp_path: Path) -> None:
    ran = run("conformance", tmp_path / "none.py")
    assert ran.code == 2
    assert "there is no such file of metrics" in ran.sentence
