"""`leakboard bound`: one or all, to a file that `leakboard score` puts beside an attack."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from leakboard.schemas import NoBound, ReleaseBounds, ScoreReport
from leakboard.schemas.bounds import BoundReport

from ..tiny import MakeRelease
from .conftest import Run


def test_a_bound_prints_its_report_and_stands_beside_an_attack(
    run: Run, release_of: MakeRelease, tmp_path: Path
) -> None:
    release, out = release_of("gaussian_noise").folder, tmp_path / "bounds.json"
    ran = run("bound", "fisher", release, "--samples", 4, "--out", out, "--json")
    report = BoundReport.model_validate_json(ran.out)
    assert (report.bound, report.n) == ("fisher", 4)
    assert [one.report for one in ReleaseBounds.read(out).measured] == [report]
    predictions = tmp_path / "guess.parquet"
    guess = ("attack", "prior", release, "--out", predictions, "--set", "track=reconstruction")
    assert run(*guess).code == 0
    scored = ("score", release, predictions, "--bounds", out)
    (beside,) = ScoreReport.model_validate_json(run(*scored, "--json").out).floors
    assert (beside.bound, beside.n) == ("fisher", 4)
    assert "fisher floor for who sees one query" in run(*scored).out


def test_what_a_bound_cannot_say_is_an_error_alone_and_a_reason_among_all(
    run: Run, release_of: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = release_of("none").folder
    alone = run("bound", "fisher", release, "--samples", 2)
    assert alone.code == NoBound.exit_code
    assert "adds no Gaussian noise" in alone.sentence
    few: dict[str, dict[str, object]] = {"fisher": {}, "degrees_of_freedom": {}}
    monkeypatch.setattr("leakboard.evaluate.bounds.with_options", lambda options: few)
    every = json.loads(run("bound", "all", release, "--samples", 4, "--json").out)
    assert set(every["bounds"]) == {"degrees_of_freedom"}
    assert set(every["says_nothing"]) == {"fisher"}
    assert "fisher: NoneDefense adds no" in run("bound", "all", release, "--samples", 4).out


def test_an_option_that_no_bound_has_is_refused(run: Run, release_of: MakeRelease) -> None:
    ran = run("bound", "all", release_of("none").folder, "--set", "sigm=1")
    assert ran.code == 2
    assert "did you mean 'sigma'?" in ran.sentence


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(release_of: MakeRelease, tmp_path: Path) -> None:
    """Interrupted on a terminal, once its bar says that some samples are done."""
    main = "from leakboard.cli import main; main()"
    asked = ["bound", "jacobian", str(release_of("none").folder), "--samples", "15", "--json"]
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))  # a bar has as many columns as its terminal
    with (tmp_path / "out.json").open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", main, *asked], stdout=out, stderr=theirs)
    shown = ""
    while not re.search(r"[4-8]/15 ", shown):
        shown += os.read(terminal, 1000).decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    report = BoundReport.model_validate_json((tmp_path / "out.json").read_text())
    assert 4 <= report.n < report.asked == 15
