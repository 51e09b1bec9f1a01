"""From a submission to what is scored: its prediction file, and a model's run on the reserve."""

import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from ...schemas import BadSubmission, Score, Submission
from ...schemas.base import cut
from ...schemas.submission import Model, PredictionFile
from .line_process import LEAKBOARD, ProcessDied

SECONDS = 900.0  # for a model: its own limit is shorter
REFUSED = (1, 2)  # exit codes that come with a sentence
SCORE: TypeAdapter[Score | None] = TypeAdapter(Score | None)
NOT_PLAIN = "not a plain file but a link or a folder; submit the file itself"


def prediction_file(submission: Submission, file: Path, release: Path, work: Path) -> Path:
    """The prediction file of a submission whose `content` lies in `file`.

    A model is run in the sandbox, on the test records of the release in the folder `release`; its
    predictions are put into the folder `work`. Raises `BadSubmission` for a model that is not run
    or fails, and `ProcessDied` where the run ends without a word.
    """
    match submission.content:
        case PredictionFile():
            return file
        case Model(format=suffix):
            with _model(file, suffix, work) as model:
                return _predicted(submission, model, release)


def score_on_reserve(
    submission: Submission, file: Path, release: Path, truth: Path, work: Path
) -> Score | None:
    """What a model in `file` reads on the reserve, which lies in `truth`; in the sandbox.

    None where the reserve is too small for a score, and for predictions, which cannot be run.
    Raises as `prediction_file` does.
    """
    match submission.content:
        case PredictionFile():
            return None
        case Model(format=suffix):
            options = ["--track", submission.track, "--truth", str(truth), "--json"]
            with _model(file, suffix, work) as model:
                said = _ran([*LEAKBOARD, "reserve", str(release), str(model), *options], model)
            return SCORE.validate_json(said)


def is_plain(file: Path) -> bool:
    """Whether it is a file and nothing that leads elsewhere or never ends."""
    return stat.S_ISREG(file.stat(follow_symlinks=False).st_mode)


@contextmanager
def _model(file: Path, suffix: str, work: Path) -> Iterator[Path]:
    """Yield a copy of a stranger's model under the name of its format."""
    if not is_plain(file):
        raise BadSubmission([NOT_PLAIN])
    model = work / f"{file.stem}.{suffix}"
    shutil.copyfile(file, model)
    try:
        yield model
    finally:
        model.unlink()


def _predicted(submission: Submission, model: Path, release: Path) -> Path:
    out = model.with_suffix(".parquet")
    out.unlink(missing_ok=True)  # of an evaluation whose lease was lost
    options = {
        "--split": "test",
        "--track": submission.track,
        "--name": submission.name,
        "--setting": submission.setting,
        "--auxiliary": submission.auxiliary_records,
        "--out": out,
    }
    flat = [str(part) for option in options.items() for part in option]
    command = [*LEAKBOARD, "run-model", str(release), str(model), *flat]
    _ran(command, model)
    return out


def _ran(command: Sequence[str], model: Path) -> str:
    """What a command on a model says; `BadSubmission` with its sentence where it refuses."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ProcessDied(f"it took longer than {SECONDS:g} s") from None
    if ran.returncode in REFUSED:
        raise BadSubmission([_sentence(ran.stderr, model)])
    if ran.returncode:
        raise ProcessDied(f"it ended with exit code {ran.returncode}")
    return ran.stdout


def _sentence(said: str, model: Path) -> str:
    """The sentence on stderr, without the name that the file has here."""
    lines = [line for line in said.splitlines() if line.startswith("leakboard: ")]
    sentence = lines[-1].removeprefix("leakboard: ").replace(f"{model}: ", "") if lines else said
    return sentence if sentence.isprintable() else cut(sentence)
