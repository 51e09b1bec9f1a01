"""Attacks, metrics, intervals, anchors and the scorer."""

from .attacks import Attack
from .gallery import write_gallery
from .judge_training import train_judge
from .judges import Judge, load_judge
from .records import Records, read_records, read_truth
from .run import FittedAttack, fit_attack
from .scorer import score

__all__ = [
    "Attack",
    "FittedAttack",
    "Judge",
    "Records",
    "fit_attack",
    "load_judge",
    "read_records",
    "read_truth",
    "score",
    "train_judge",
    "write_gallery",
]
