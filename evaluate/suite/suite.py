"""The attack suite: every bound and every suitable attack on one release, in a time, resumable.

Bounds come first and may take a quarter of the time. Attacks run cheapest first until the time is
up. Nobody guesses how long one takes: it is given all the time that is left, and is stopped and
listed as not run where that was not enough.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ...schemas import (
    OutputExists,
    Release,
    ScoreReport,
    Track,
    Truth,
    UsageError,
    default_truth,
)
from ...schemas.bounds import ReleaseBounds
from ...schemas.files import read_json, write_text
from ...schemas.records import PublicSplit
from ...schemas.statement import AttackRun, NotRun, Statement, SuiteFacts
from ..attacks import REGISTRY, Attack
from ..deadline import TimeIsUp, deadline
from ..kept_bounds import KeptBounds
from ..run import fit_attack
from ..scoring.scorer import score
from .planning import Planned, learner, plan, with_less
from .report import write_report
from .statement import state

log = logging.getLogger(__name__)
BOUNDS_SHARE = 0.25  # of the time


def attack_suite(
    release: Release,
    out: Path,
    *,
    minutes: float,
    split: PublicSplit | None = None,
    truth: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Statement:
    """Measure and attack `release` for up to `minutes`; write and return the statement.

    The strongest attack is chosen on validation and reported on `split`: by default on test where
    its truth is at hand, else on validation. What finished is kept in `out` and not run again.
    `options` replace those of every attack that has an option of the name. To be called from the
    main thread. Raises `OutputExists` where `out` holds anything else, `MissingData` where the
    truth of test is asked for and not there.
    """
    end = time.monotonic() + 60 * minutes
    reported = _reported_split(release, split, truth)
    _claim(release, out)
    bounds = KeptBounds(release, out, reported, truth).measured(60 * minutes * BOUNDS_SHARE)
    splits = tuple(dict.fromkeys(("validation", reported)))
    suite = _Suite(release, out, splits, truth, bounds)
    planned = plan(options or {})
    refused = suite.attack_all(planned, end)
    curves = suite.curves(planned)
    refused |= suite.attack_all(curves, end)
    planned += curves
    runs = {one.label: suite.kept(one) for one in planned}
    statement = state(
        release,
        reported,
        [run for run in runs.values() if run],
        [refused.get(one.label) or suite.left_out(one) for one in planned if not runs[one.label]],
        bounds,
        datetime.now(UTC),
    )
    write_report(statement, release, out)
    return statement


def _reported_split(release: Release, split: PublicSplit | None, truth: Path | None) -> PublicSplit:
    folder = truth or default_truth(release.folder)
    if split == "validation" or (split is None and truth is None and not folder.exists()):
        return "validation"
    Truth.open(folder, release)
    return "test"


def _claim(release: Release, out: Path) -> None:
    """Start a report folder, or go on with one about the same release."""
    facts = SuiteFacts(
        fingerprint=release.manifest.fingerprint, leakboard_version=version("leakboard")
    )
    note = out / "suite.json"
    if note.is_file():
        kept = SuiteFacts.parse(read_json(note), str(note))
        if kept != facts:
            raise OutputExists(
                f"{out} holds the attacks of version {kept.leakboard_version} on the release "
                f"{kept.fingerprint[:12]}…, not of {facts.leakboard_version} on "
                f"{facts.fingerprint[:12]}…; choose another --out"
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExists(f"{out} exists and is no report folder; choose another --out")
    write_text(note, facts.to_json())


@dataclass(frozen=True)
class _Suite:
    """A release under attack, and the folder that keeps what came of each attack.

    `attacks/LABEL.json` is the record of a finished attack, written last; `LABEL-stopped.json`
    notes that the time was not enough.
    """

    release: Release
    out: Path
    splits: tuple[PublicSplit, ...]
    truth: Path | None
    bounds: ReleaseBounds

    def kept(self, one: Planned) -> AttackRun | None:
        """The record of an attack that finished on all splits."""
        path = self._record(one)
        run = AttackRun.parse(read_json(path), str(path)) if path.is_file() else None
        return run if run and set(self.splits) <= run.reports.keys() else None

    def left_out(self, one: Planned) -> NotRun:
        """Why an attack that could be run has no result."""
        path = self._note(one)
        if path.is_file():
            return NotRun.parse(read_json(path), str(path))
        return one.not_run("the time was up before its turn; give it more --minutes")

    def curves(self, planned: Sequence[Planned]) -> list[Planned]:
        """Plan the strongest learner of each track again, with less auxiliary data."""
        runs = [run for one in planned if (run := self.kept(one))]
        strongest = [run for track in Track if (run := learner(runs, track))]
        auxiliary = self.release.manifest.splits["auxiliary"].records
        return [less for run in strongest for less in with_less(run, auxiliary)]

    def attack_all(self, planned: Sequence[Planned], end: float) -> dict[str, NotRun]:
        """Run what is missing until the time `end`; returns what cannot be run on this release.

        What the time of an earlier call was not enough for comes last.
        """
        refused: dict[str, NotRun] = {}
        waiting = [one for one in planned if not self.kept(one)]
        waiting.sort(key=lambda one: self.left_out(one).seconds)
        with tqdm(waiting, unit="attacks", disable=None, leave=False) as bar:
            for one in bar:
                bar.set_description(one.label)
                if reason := REGISTRY.find(one.name).unsuited(self.release.manifest):
                    refused[one.label] = one.not_run(reason)
                elif time.monotonic() < end:
                    refused |= self._try(one, end - time.monotonic())
        return refused

    def _try(self, one: Planned, seconds: float) -> dict[str, NotRun]:
        started = time.monotonic()
        try:
            with deadline(seconds):
                self._attack(one)
        except TimeIsUp:
            self._note_stopped(one, time.monotonic() - started)
        except UsageError as problem:
            if type(problem) is not UsageError:  # not the attack's own refusal
                raise
            return {one.label: one.not_run(str(problem))}
        return {}

    def _attack(self, one: Planned) -> None:
        started = time.monotonic()
        log.info("attacking with %s", one.label)
        fitted = fit_attack(self.release, one.name, one.options, one.budget)
        paths = {s: self.out / "predictions" / f"{one.label}-{s}.parquet" for s in self.splits}
        for split, path in paths.items():
            asked = self._asked(fitted.attack, split)
            fitted.predict(split, self.truth, asked).write(path, self.release)
        run = AttackRun(
            attack=one.name,
            options=dict(one.options),
            budget=one.budget,
            predictions={s: path.relative_to(self.out).as_posix() for s, path in paths.items()},
            reports={s: self._score(path) for s, path in paths.items()},
            seconds=time.monotonic() - started,
        )
        write_text(self._record(one), run.to_json())

    def _score(self, path: Path) -> ScoreReport:
        """Score, beside the floors of the images that have one: those of the reported split."""
        return score(self.release, path, self.truth, bounds=self.bounds)

    def _asked(self, attack: Attack, split: PublicSplit) -> int | None:
        """How many images it is asked about: all, unless it takes long over each."""
        most = attack.suite_images
        return most if most and most < self.release.manifest.splits[split].images else None

    def _note_stopped(self, one: Planned, seconds: float) -> None:
        reason = f"it did not finish in the {seconds:.1f} s that were left; give it more --minutes"
        write_text(self._note(one), one.not_run(reason, seconds).to_json())

    def _record(self, one: Planned) -> Path:
        return self.out / "attacks" / f"{one.label}.json"

    def _note(self, one: Planned) -> Path:
        return self.out / "attacks" / f"{one.label}-stopped.json"
