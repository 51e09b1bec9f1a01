"""From a submission to the prediction file that is scored, whatever was submitted."""

from pathlib import Path

from ..schemas import BadSubmission, Submission
from ..schemas.submission import Model, PredictionFile


def prediction_file(submission: Submission, file: Path) -> Path:
    """The prediction file of a submission whose `content` lies in `file`.

    Raises `BadSubmission` where the content is of a kind that is not taken.
    """
    match submission.content:
        case PredictionFile():
            return file
        case Model():
            raise BadSubmission(
                [
                    "content: models are not taken yet; submit the prediction file that the model "
                    "makes, with content.kind = 'predictions'"
                ]
            )
