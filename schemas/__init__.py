"""What is on disk and on the wire: records, manifest, predictions, scores; errors; plug-ins."""

from .base import Record
from .bounds import BoundReport, ReleaseBounds
from .comparison import Compared, Comparison, ComparisonReport
from .config import Config, parse_assignment, read_configs
from .errors import (
    ActivationOverflow,
    BadConfig,
    BadModel,
    BadPredictions,
    BadSubmission,
    BrokenLedger,
    ChecksumMismatch,
    CorruptData,
    LeakboardError,
    MissingData,
    NoBound,
    NoSandbox,
    OutputExists,
    SchemaMismatch,
    UnknownName,
    UnknownOption,
    UsageError,
)
from .gallery import Gallery, GalleryImage
from .image_values import ImageValues, ValuesHeader
from .judge import JudgeHeader
from .manifest import Attribute, Licence, Manifest, fingerprint
from .prediction_header import PredictionHeader
from .prediction_reading import aligned, checked_predictions, read_predictions
from .predictions import Predictions
from .records import PUBLIC_SPLITS, RecordSchema, public_columns
from .registry import Registry
from .release import Release, Truth, answers, default_truth
from .scores import (
    HEADLINE,
    ClientCost,
    CostReport,
    Direction,
    JudgeFacts,
    LeaderboardRow,
    Measurements,
    Score,
    ScoreReport,
    Setting,
    Track,
    Utility,
)
from .secret import Secret
from .statement import AttackRun, NotRun, Statement, TrackStatement
from .submission import Submission

__all__ = [
    "HEADLINE",
    "PUBLIC_SPLITS",
    "ActivationOverflow",
    "AttackRun",
    "Attribute",
    "BadConfig",
    "BadModel",
    "BadPredictions",
    "BadSubmission",
    "BoundReport",
    "BrokenLedger",
    "ChecksumMismatch",
    "ClientCost",
    "Compared",
    "Comparison",
    "ComparisonReport",
    "Config",
    "CorruptData",
    "CostReport",
    "Direction",
    "Gallery",
    "GalleryImage",
    "ImageValues",
    "JudgeFacts",
    "JudgeHeader",
    "LeaderboardRow",
    "LeakboardError",
    "Licence",
    "Manifest",
    "Measurements",
    "MissingData",
    "NoBound",
    "NoSandbox",
    "NotRun",
    "OutputExists",
    "PredictionHeader",
    "Predictions",
    "Record",
    "RecordSchema",
    "Registry",
    "Release",
    "ReleaseBounds",
    "SchemaMismatch",
    "Score",
    "ScoreReport",
    "Secret",
    "Setting",
    "Statement",
    "Submission",
    "Track",
    "TrackStatement",
    "Truth",
    "UnknownName",
    "UnknownOption",
    "UsageError",
    "Utility",
    "ValuesHeader",
    "aligned",
    "answers",
    "checked_predictions",
    "default_truth",
    "fingerprint",
    "parse_assignment",
    "public_columns",
    "read_configs",
    "read_predictions",
]
