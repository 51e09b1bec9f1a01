"""Attacks, metrics, bounds, intervals, anchors and the scorer."""

from .attack_code import SubmittedCode
from .attacks import Attack
from .compare import compare
from .gallery import write_gallery
from .judge_training import train_judge
from .judges import Judge, load_judge
from .measure import draw_bound, measure_bound, measure_bounds
from .models import SubmittedModel
from .reader import SplitReader, open_release
from .records import Records, read_records, read_truth
from .reserve import reserve_score
from .run import FittedAttack, fit_attack
from .scorer import Scored, Scorer, score, scored
from .suite import attack_suite

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
