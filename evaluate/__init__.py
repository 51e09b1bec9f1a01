"""Attacks, metrics, intervals, anchors and the scorer."""

from .attacks import Attack
from .gallery import write_gallery
from .records import Records, read_records, read_truth
from .run import FittedAttack, fit_attack
from .scorer import score

__all__ = [
    "Attack",
    "FittedAttack",
    "Records",
    "fit_attack",
    "read_records",
    "read_truth",
    "score",
    "write_gallery",
]
