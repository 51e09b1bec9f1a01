"""Attacks, metrics, bounds, intervals, anchors and the scorer."""

from .attacks import Attack
from .gallery import write_gallery
from .judging.judge_training import train_judge
from .judging.judges import Judge, load_judge
from .measure import draw_bound, measure_bound, measure_bounds
from .reading.reader import SplitReader, open_release
from .reading.records import Records, read_records, read_truth
from .run import FittedAttack, fit_attack
from .scoring.compare import compare
from .scoring.reserve import reserve_score
from .scoring.scorer import Scored, Scorer, score, scored
from .submitted.attack_code import SubmittedCode
from .submitted.models import SubmittedModel
from .suite.suite import attack_suite

__all__ = [
    "Attack",
    "FittedAttack",
    "Judge",
    "Records",
    "Scored",
    "Scorer",
    "SplitReader",
    "SubmittedCode",
    "SubmittedModel",
    "attack_suite",
    "compare",
    "draw_bound",
    "fit_attack",
    "load_judge",
    "measure_bound",
    "measure_bounds",
    "open_release",
    "read_records",
    "read_truth",
    "reserve_score",
    "score",
    "scored",
    "train_judge",
    "write_gallery",
]
