"""The two helpers of a worker: the checker reads strangers' files, the scorer reads the answers."""

import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from ..schemas import Manifest, MissingData, Record, ScoreReport
from .check import Checked, Question
from .line_process import LineProcess

SECONDS = 900.0  # for a check, and for a score
PYTHON = [sys.executable, "-P", "-c"]
CHECKER = [*PYTHON, "from leakboard.leaderboard.check import main; main()"]
SCORER = [*PYTHON, "from leakboard.cli import main; main()", "score"]


class Refusal(Record):
    """What the scorer says of a file that it cannot score."""

    problems: tuple[str, ...]


ANSWER: TypeAdapter[ScoreReport | Refusal] = TypeAdapter(ScoreReport | Refusal)


def releases_in(folder: Path) -> dict[str, Path]:
    """The releases in a folder, or the one that it is, by their fingerprints.

    `MissingData` where there is none.
    """
    found: dict[str, Path] = {}
    for manifest in sorted([*folder.glob("manifest.json"), *folder.glob("*/manifest.json")]):
        found.setdefault(Manifest.read(manifest.parent).fingerprint, manifest.parent)
    if not found:
        raise MissingData(
            f"{folder}: expected a release, or a folder of releases; name one with --releases"
        )
    return found


@dataclass
class Helpers:
    """A checker and a scorer, each for the release that was last asked about.

    `truths` is the folder of the trees `<release>-truth`, by default beside each release; what
    the helpers write on stderr goes to `<folder>/logs`.
    """

    folder: Path
    truths: Path | None = None
    _running: dict[str, LineProcess] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Make the folder of the values, which the user of this process alone reads."""
        self._values = Path(tempfile.mkdtemp(prefix="leakboard-"))

    def check(self, release: Path, question: Question) -> Checked:
        """Check a submission, without the truth; `ProcessDied` where that ended the checker."""
        helper = self._helper("checker", [*CHECKER, str(release)])
        return Checked.model_validate_json(helper.ask(question.model_dump_json(), SECONDS))

    def score(self, release: Path, file: Path) -> ScoreReport | Refusal:
        """Score a prediction file; `ProcessDied` where that ended the scorer."""
        truth = (self.truths or release.parent) / f"{release.name}-truth"
        options = [str(release), "-", "--truth", str(truth), "--values", str(self._values)]
        helper = self._helper("scorer", [*SCORER, *options])
        return ANSWER.validate_json(helper.ask(str(file), SECONDS))

    def values_of(self, file: Path) -> Path:
        """Where lies what each image contributed to the last score of a file."""
        return self._values / file.name

    def close(self) -> None:
        """End the helpers."""
        for helper in self._running.values():
            helper.close()
        shutil.rmtree(self._values)

    def _helper(self, kind: str, command: list[str]) -> LineProcess:
        helper = self._running.get(kind)
        if helper is None or helper.command != command:
            if helper is not None:
                helper.close()
            helper = LineProcess(command, self.folder / "logs" / f"{kind}.log")
            self._running[kind] = helper
        return helper
