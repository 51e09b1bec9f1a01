"""Evaluate a submission: run it where it is a model, check it, score it, publish it.

A model runs in the sandbox, on test and on the reserve. Strangers' files are read by a checker
without the truth; only what it found sound goes to the scorer, `leakboard score`, the process that
reads the answers. Any of them may die: the submission is tried again, and parked when it has ended
too many.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...schemas import BadSubmission, ImageValues, Release, Score
from ...schemas.files import sha256_of
from ...schemas.submission import Model
from ..desk.check import Checked, Question
from ..desk.desk import Desk
from ..desk.intake import REPEATED
from ..desk.jobs import Job, begin_scoring, fail, lose, near, reject, score_of
from ..desk.likeness import Likeness
from ..desk.line_process import ProcessDied
from ..desk.publish import published
from .helpers import Helpers, Refusal


@dataclass(frozen=True)
class Evaluator:
    """Evaluates jobs of one desk; a job that has ended its process `limit` times is parked."""

    desk: Desk
    releases: Mapping[str, Path]
    helpers: Helpers
    limit: int

    def __call__(self, job: Job) -> bool:
        """Take a job to its end; returns whether it has to be tried again."""
        folder = self.releases.get(job.received.fingerprint)
        if folder is None:
            fail(self.desk, job, "the organiser's worker has no release with this fingerprint")
            return False
        try:
            self._evaluate(job, folder)
        except BadSubmission as refused:
            reject(self.desk, job, refused.problems)
        except ProcessDied as died:
            return lose(self.desk, job, self.limit, str(died))
        return False

    def _evaluate(self, job: Job, folder: Path) -> None:
        submitted = self.desk.file_of(job.id)
        file = self.helpers.predict(folder, job.received.submission, submitted)
        checked = self._check(job, folder, file)
        if checked.problems or checked.likeness is None:
            reject(self.desk, job, checked.problems)
        elif not begin_scoring(self.desk, job, checked.likeness):
            reject(self.desk, job, (REPEATED,))
        else:
            self._score(job, folder, file, checked.likeness)

    def _check(self, job: Job, folder: Path, file: Path) -> Checked:
        declared = job.received.submission.model_dump(mode="json")
        question = Question(declared=declared, file=str(file))
        checked = self.helpers.check(folder, question)
        problems = list(checked.problems)
        if not problems and sha256_of(self.desk.file_of(job.id)) != job.received.predictions:
            problems.append("the file is not the one that was received; submit it again")
        if not problems and checked.split != job.received.split:
            problems.append(f"split: received for {job.received.split!r}; submit it again")
        return checked.model_copy(update={"problems": tuple(problems)})

    def _score(self, job: Job, folder: Path, file: Path, likeness: Likeness) -> None:
        scored = self.helpers.score(folder, file)
        if isinstance(scored, Refusal):
            reject(self.desk, job, scored.problems)
            return
        reserve = self._reserve(job, folder)
        if not job.received.private:
            like = near(self.desk, job, likeness)
            row = published(Release.open(folder), job.received, scored, like, reserve)
            self.desk.shown().add(row, ImageValues.read(self.helpers.values_of(file)))
        score_of(self.desk, job, scored, reserve)

    def _reserve(self, job: Job, folder: Path) -> Score | None:
        """What a model that was run on test reads on the reserve; predictions are not run."""
        submission = job.received.submission
        if not isinstance(submission.content, Model):
            return None
        return self.helpers.reserve(folder, submission, self.desk.file_of(job.id))
