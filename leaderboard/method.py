"""The rules of the board, its metrics, and what is known to be wrong with published numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..schemas import Direction, Track
from .tables.table import Column

RULES: Mapping[str, str] = {
    "Worst case": "Per release the strongest attack counts, chosen on validation where it was "
    "scored there too; a guess that never looks at the activation, or a ceiling that reads the "
    "input itself, is an anchor and not an attack. A defense that few attacks were made on looks "
    "better than it is: the table says how many it faced.",
    "Utility": "Noise without end protects perfectly, so a rank is given only among defenses that "
    "lose at most the chosen points of accuracy against the undefended network.",
    "Certainty": "Square brackets hold 95 % intervals over subjects, n counts images. Defenses "
    "that a paired test on the same images does not separate share places; without values per "
    "image, those whose intervals overlap. A rank needs 3 training seeds; with fewer it is "
    "provisional.",
    "Floors": "Bounds say, without an attack, how small the error of an attacker without prior "
    "knowledge can be. The strongest attack's error stands beside them. Who learned what images "
    "look like may go below; an attack that did not, and does, raises an alarm.",
    "Missing is missing": "Nobody attacked it: no leakage and no rank, never zero.",
    "An attack is a lower bound": "Leakage says what was read, not what can be read. A weak attack "
    "makes every defense look good: that is why undefended leakage and what reads the raw image "
    "are shown too.",
    "Public images can be looked up": "With the client's weights anyone can push every public "
    "image through the client and find the test activations again. Verified entries were run by "
    "the organiser, declared ones were not.",
    "Arrows": "They say which way is better for the people in the images: ↑ more, ↓ less.",
}


@dataclass(frozen=True)
class Metric:
    """A metric as the board explains it: range, which end leaks more, what it is."""

    name: str
    track: Track
    low: float
    high: float
    direction: Direction
    meaning: str


_A, _R = Track.ATTRIBUTE, Track.RECONSTRUCTION
_MORE, _LESS = Direction.HIGHER_LEAKS_MORE, Direction.LOWER_LEAKS_MORE
_INFINITE = float("inf")

METRICS = (
    Metric("top1", _A, 0, 1, _MORE, "share of images whose most probable class is the true one"),
    Metric("balanced_accuracy", _A, 0, 1, _MORE, "mean over classes of the share recognised"),
    Metric("auc", _A, 0, 1, _MORE, "chance that an image of a class is ranked above another"),
    Metric("tpr_at_fpr", _A, 0, 1, _MORE, "share recognised at 1 % false positives"),
    Metric("advantage_over_majority", _A, -1, 1, _MORE, "top-1 minus the most frequent class's"),
    Metric(
        "advantage_over_task_output", _A, -1, 1, _MORE, "top-1 minus the best guess from the task"
    ),
    Metric("worst_group", _A, -1, 1, _MORE, "advantage on the task class whose images leak most"),
    Metric("ssim", _R, -1, 1, _MORE, "structural similarity, per colour channel"),
    Metric("ms_ssim", _R, 0, 1, _MORE, "structural similarity at five scales, from 176 pixels on"),
    Metric("psnr", _R, 0, 100, _MORE, "peak signal-to-noise ratio in dB, peak 1; mean over images"),
    Metric("l1", _R, 0, 1, _LESS, "mean absolute difference of pixels in [0, 1]"),
    Metric("mse", _R, 0, 1, _LESS, "mean squared difference of pixels in [0, 1]"),
    Metric("lpips", _R, 0, _INFINITE, _LESS, "distance of AlexNet's features"),
    Metric("rank1", _R, 0, 1, _MORE, "share of people whom a judge finds again"),
    Metric("tar_at_far", _R, 0, 1, _MORE, "share accepted where 1 in 1,000 impostor pairs is"),
)

METRIC_COLUMNS: tuple[Column[Metric], ...] = (
    Column("Metric", "Its name in scores and files.", lambda metric: metric.name),
    Column("Track", "What is read: a class or an image.", lambda metric: str(metric.track)),
    Column("Range", "Smallest and largest value.", lambda m: f"{m.low:g} to {m.high:g}"),
    Column("Leaks more", "Which end of the range.", lambda m: m.direction.partition(" ")[0]),
    Column("What it is", "In words.", lambda metric: metric.meaning, prose=True),
)

PUBLISHED = Path(__file__).with_name("published-errors.md")  # the repository's docs
_FENCED = re.compile(r"^```.*?^```\n", re.MULTILINE | re.DOTALL)
_OPENING = re.compile(r"^#{2,3} ([^\n]+)\n\n([^#\n].*?)(?=\n\n|\n*\Z)", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"[:,]\s+`tests/[^`]+`")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


@dataclass(frozen=True)
class KnownErrors:
    """What is known to be wrong with published numbers, as Markdown: whose, and error by error."""

    about: str
    errors: Mapping[str, str]


@cache
def known_errors() -> KnownErrors:
    """The beginning of each part of the page about published errors.

    Without its code, its tests and its links, which are not beside the board.
    """
    text = _FENCED.sub("", PUBLISHED.read_text("utf-8"))
    about = text.partition("\n\n## ")[0].rpartition("\n\n")[2]
    errors = {title: _sentences(opening) for title, opening in _OPENING.findall(text)}
    return KnownErrors(_sentences(about), errors)


def _sentences(paragraph: str) -> str:
    line = " ".join(_LINK.sub(r"\1", _TEST.sub("", paragraph)).split())
    return f"{line[:-1]}." if line.endswith(":") else line
