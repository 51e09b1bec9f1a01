"""Attacks, metrics, intervals, anchors and the scorer."""

from .attacks import Attack
from .records import Records, read_records, read_truth
from .run import run_attack

__all__ = ["Attack", "Records", "read_records", "read_truth", "run_attack"]
