"""The helpers of a worker: one runs models, one reads strangers' files, one reads the answers."""

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from ...schemas import (
    Manifest,
    MissingData,
    Record,
    Score,
    ScoreReport,
    Submission,
    default_truth,
)
from ...schemas.recipe import is_recipe
from ..desk.check import Checked, Question
from ..desk.line_process import LEAKBOARD, PYTHON, LineProcess
from ..desk.prediction_file import prediction_file, score_on_reserve

SECONDS = 900.0  # for a check, and for a score
VALUES = "values"
WORK = "leakboard-work-"  # then the process that made the folder
CHECKER = [*PYTHON, "from leakboard.leaderboard.desk.check import main; main()"]


class Refusal(Record):
    """What the scorer says of a file that it cannot score."""

    problems: tuple[str, ...]


ANSWER: TypeAdapter[ScoreReport | Refusal] = TypeAdapter(ScoreReport | Refusal)


def releases_in(folder: Path) -> dict[str, Path]:
    """The releases in a folder, or the one that it is, by their fingerprints; no recipes.

    `MissingData` where there is none.
    """
    found: dict[str, Path] = {}
    for manifest in sorted([*folder.glob("manifest.json"), *folder.glob("*/manifest.json")]):
        if not is_recipe(manifest.parent):
            found.setdefault(Manifest.read(manifest.parent).fingerprint, manifest.parent)
    if not found:
        raise MissingData(
            f"{folder}: expected a release, or a folder of releases; name one with --releases"
        )
    return found


@dataclass
class Helpers:
    """A checker and a scorer, each for the release that was last asked about; models run apart.

    `truths` is the folder of the trees `<release>-truth`, by default beside each release; what
    the helpers write on stderr goes to `<folder>/logs`.
    """

    folder: Path
    truths: Path | None = None
    _running: dict[str, LineProcess] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Make the folder of what is passed on, which the user of this process alone reads."""
        _sweep()
        self._work = Path(tempfile.mkdtemp(prefix=f"{WORK}{os.getpid()}-"))

    def predict(self, release: Path, submission: Submission, file: Path) -> Path:
        """The prediction file of a submission; raises what `prediction_file` raises."""
        return prediction_file(submission, file, release, self._work)

    def check(self, release: Path, question: Question) -> Checked:
        """Check a submission, without the truth; `ProcessDied` where that ended the checker."""
        helper = self._helper("checker", [*CHECKER, str(release)])
        return Checked.model_validate_json(helper.ask(question.model_dump_json(), SECONDS))

    def truth_of(self, release: Path) -> Path:
        """Where the answers of a release lie; `MissingData` where they do not."""
        truth = default_truth((self.truths or release.parent) / release.name)
        if not (truth / "truth.json").is_file():
            raise MissingData(
                f"{truth}: expected the truth of {release}, without which nothing on 'test' can be "
                "scored; name the folder that holds it with --truths"
            )
        return truth

    def score(self, release: Path, file: Path) -> ScoreReport | Refusal:
        """Score a prediction file; `ProcessDied` where that ended the scorer."""
        truth = str(self.truth_of(release))
        options = [str(release), "-", "--truth", truth, "--values", str(self._work / VALUES)]
        helper = self._helper("scorer", [*LEAKBOARD, "score", *options])
        return ANSWER.validate_json(helper.ask(str(file), SECONDS))

    def reserve(self, release: Path, submission: Submission, file: Path) -> Score | None:
        """What a submitted model reads on the reserve; raises what `score_on_reserve` raises."""
        return score_on_reserve(submission, file, release, self.truth_of(release), self._work)

    def values_of(self, file: Path) -> Path:
        """Where lies what each image contributed to the last score of a file."""
        return self._work / VALUES / file.name

    def close(self) -> None:
        """End the helpers."""
        for helper in self._running.values():
            helper.close()
        shutil.rmtree(self._work)

    def _helper(self, kind: str, command: list[str]) -> LineProcess:
        helper = self._running.get(kind)
        if helper is None or helper.command != command:
            if helper is not None:
                helper.close()
            helper = LineProcess(command, self.folder / "logs" / f"{kind}.log")
            self._running[kind] = helper
        return helper


def _sweep() -> None:
    """Remove what processes of this user that were killed left in the folder of temporary files."""
    for left in Path(tempfile.gettempdir()).glob(f"{WORK}*-*"):
        maker = left.name.removeprefix(WORK).partition("-")[0]
        with suppress(FileNotFoundError):  # another process removed it first
            if left.stat().st_uid == os.geteuid() and not _is_running(int(maker)):
                shutil.rmtree(left)


def _is_running(process: int) -> bool:
    with suppress(PermissionError):  # somebody else's, and running
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
