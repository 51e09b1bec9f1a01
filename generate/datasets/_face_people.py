"""What a synthetic person looks like: the traits that are the same in all images of the person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._draws import Draws, Keys, Stream
from ._face_labels import Labels
from ._face_traits import Numbers, Traits, blend, colour, number

SKIN_TONES = np.array(
    [[0.93, 0.79, 0.70], [0.82, 0.62, 0.48], [0.60, 0.41, 0.29], [0.33, 0.22, 0.16]]
)
UNDERTONE = np.array([-0.006, 0.010, -0.020])
HAIR_COLOURS = np.array(  # black, dark brown, brown, red, blond
    [
        [0.07, 0.06, 0.07],
        [0.22, 0.14, 0.10],
        [0.42, 0.27, 0.16],
        [0.55, 0.24, 0.12],
        [0.82, 0.66, 0.38],
    ]
)
GREY = np.array([0.72, 0.72, 0.72])
IRIS_COLOURS = np.array(
    [[0.22, 0.13, 0.07], [0.40, 0.26, 0.12], [0.30, 0.42, 0.24], [0.28, 0.45, 0.66]]
)
LIP_RED = np.array([0.72, 0.25, 0.28])
LIPSTICK = np.array([0.75, 0.12, 0.22])


@dataclass(frozen=True)
class Group:
    """What people of one group tend to; each trait overlaps with that of other groups.

    skin         tone, 0 light to 1 dark       undertone  -1 rosy to 1 olive
    hair         weights of HAIR_COLOURS       curl       0 straight to 1 curly
    eye_height   half the opening of an eye    eye_tilt   rise towards the temples
    nose, lips   width and fullness, 1 being average
    """

    skin: float
    undertone: float
    hair: tuple[float, ...]
    curl: float
    eye_height: float
    eye_tilt: float
    nose: float
    lips: float


# None of the groups stands for a real population: tones, hair and features are combined freely.
GROUPS = (
    Group(0.50, 0.8, (0.45, 0.45, 0.10, 0.00, 0.00), 0.15, 0.070, 0.05, 0.90, 1.20),
    Group(0.10, -0.6, (0.05, 0.10, 0.20, 0.25, 0.40), 0.10, 0.059, 0.00, 0.92, 0.85),
    Group(0.76, 0.6, (0.50, 0.30, 0.10, 0.05, 0.05), 0.30, 0.061, 0.20, 1.00, 1.35),
    Group(0.36, -0.8, (0.20, 0.50, 0.20, 0.10, 0.00), 0.75, 0.055, -0.10, 1.18, 0.90),
    Group(0.92, -0.2, (0.80, 0.20, 0.00, 0.00, 0.00), 0.95, 0.064, 0.00, 1.20, 1.30),
    Group(0.24, 0.9, (0.75, 0.20, 0.05, 0.00, 0.00), 0.05, 0.041, 0.22, 1.02, 0.95),
    Group(0.62, -0.5, (0.10, 0.20, 0.30, 0.30, 0.10), 0.55, 0.045, 0.15, 1.12, 1.15),
)


@dataclass(frozen=True)
class Head(Traits):
    """Outline and skin; `taper` narrows the chin."""

    width: Numbers
    height: Numbers
    taper: Numbers
    skin: Numbers
    blush: Numbers
    wrinkles: Numbers


@dataclass(frozen=True)
class Hair(Traits):
    """Hair and beard; the hairline is a parabola `line` + `arch` (x - `part`)^2."""

    colour: Numbers
    volume: Numbers
    length: Numbers
    line: Numbers
    arch: Numbers
    part: Numbers
    curl: Numbers
    beard: Numbers


@dataclass(frozen=True)
class Eyes(Traits):
    """Eyes and brows, each side the mirror image of the other."""

    distance: Numbers
    width: Numbers
    height: Numbers
    tilt: Numbers
    iris: Numbers
    lashes: Numbers
    brow_height: Numbers
    brow_thickness: Numbers
    brow_arch: Numbers
    brow_tilt: Numbers


@dataclass(frozen=True)
class Mouth(Traits):
    """Lips."""

    width: Numbers
    fullness: Numbers
    colour: Numbers


@dataclass(frozen=True)
class Nose(Traits):
    """Width over the wings, and length from the eyes."""

    width: Numbers
    length: Numbers


@dataclass(frozen=True)
class Frame(Traits):
    """The glasses a person owns, worn or not."""

    width: Numbers
    height: Numbers
    thickness: Numbers
    colour: Numbers


@dataclass(frozen=True)
class People(Traits):
    """N people."""

    head: Head
    hair: Hair
    eyes: Eyes
    nose: Nose
    mouth: Mouth
    frame: Frame


def draw_people(keys: Keys, labels: Labels) -> People:
    """Draw the people whose own labels are `labels`, (N,) each."""
    draws = Draws(keys, Stream.PERSON, range(len(labels["gender"])))
    skin = _draw_skin(draws, labels)
    return People(
        head=_draw_head(draws, labels, skin),
        hair=_draw_hair(draws, labels),
        eyes=_draw_eyes(draws, labels),
        nose=_draw_nose(draws, labels),
        mouth=_draw_mouth(draws, labels, skin),
        frame=_draw_frame(draws),
    )


def _of_group(trait: str, labels: Labels) -> NDArray[np.float64]:
    return np.array([getattr(group, trait) for group in GROUPS], np.float64)[labels["race"]]


def _of_gender(
    labels: Labels, feminine: float | NDArray[np.float64], masculine: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.where(labels["gender"] == 1, masculine, feminine).astype(np.float64)


def _of_age(labels: Labels, young: float, middle: float, old: float) -> NDArray[np.float64]:
    return np.array([young, middle, old])[labels["age_group"]]


def _draw_skin(draws: Draws, labels: Labels) -> NDArray[np.float64]:
    tone = draws.normal(_of_group("skin", labels), 0.11)
    stops = np.linspace(0, 1, len(SKIN_TONES))
    skin = np.stack([np.interp(tone, stops, channel) for channel in SKIN_TONES.T], axis=1)
    return np.asarray(skin + draws.normal(_of_group("undertone", labels), 0.5)[:, None] * UNDERTONE)


def _draw_head(draws: Draws, labels: Labels, skin: NDArray[np.float64]) -> Head:
    return Head(
        width=number(draws.normal(_of_gender(labels, 0.545, 0.575), 0.025)),
        height=number(draws.normal(0.80, 0.03)),
        taper=number(draws.normal(_of_gender(labels, 0.24, 0.12), 0.06)),
        skin=colour(skin),
        blush=number(draws.uniform(0.0, 0.35)),
        wrinkles=number(draws.normal(_of_age(labels, 0.0, 0.4, 0.95), 0.12).clip(0, 1)),
    )


def _draw_hair(draws: Draws, labels: Labels) -> Hair:
    own = HAIR_COLOURS[draws.choice(_of_group("hair", labels))] * draws.uniform(0.75, 1.3)[:, None]
    greyness = draws.normal(_of_age(labels, -0.4, 0.1, 0.8), 0.25).clip(0, 1)
    grey = np.outer(draws.uniform(0.75, 1.2), GREY)
    is_long = draws.uniform() < _of_gender(labels, 0.85, 0.10)
    fringe = draws.uniform() < _of_gender(labels, 0.4, 0.2)
    receding = _of_gender(labels, 0.0, _of_age(labels, 0.0, 0.10, 0.24))
    line = draws.normal(np.where(fringe, -0.34, -0.50), 0.04)
    bearded = draws.uniform() < _of_gender(labels, 0.0, 0.45)
    return Hair(
        colour=colour(blend(own, grey, greyness)),
        volume=number(draws.normal(np.where(is_long, 0.12, 0.07), 0.02).clip(0.02)),
        length=number(is_long * draws.uniform(0.45, 1.1)),
        line=number(line - receding * draws.uniform(0.4, 1.2)),
        arch=number(np.where(fringe, 0.1, 0.2) * draws.uniform(0.4, 1.6)),
        part=number(draws.uniform(-0.45, 0.45)),
        curl=number(draws.normal(_of_group("curl", labels), 0.18).clip(0, 1)),
        beard=number(bearded * draws.uniform(0.25, 0.9)),
    )


def _draw_eyes(draws: Draws, labels: Labels) -> Eyes:
    return Eyes(
        distance=number(draws.normal(0.235, 0.014)),
        width=number(draws.normal(0.118, 0.008)),
        height=number(draws.normal(_of_group("eye_height", labels), 0.006)),
        tilt=number(draws.normal(_of_group("eye_tilt", labels), 0.06)),
        iris=colour(IRIS_COLOURS[draws.choice((0.45, 0.25, 0.15, 0.15))]),
        lashes=number(draws.normal(_of_gender(labels, 0.026, 0.016), 0.004).clip(0.008)),
        brow_height=number(draws.normal(_of_gender(labels, 0.172, 0.150), 0.014)),
        brow_thickness=number(draws.normal(_of_gender(labels, 0.022, 0.034), 0.005).clip(0.01)),
        brow_arch=number(draws.normal(_of_gender(labels, 1.6, 0.9), 0.5)),
        brow_tilt=number(draws.normal(0.03, 0.06)),
    )


def _draw_nose(draws: Draws, labels: Labels) -> Nose:
    big = labels["big_nose"] == 1
    width = np.where(big, 0.147, 0.098) * _of_group("nose", labels)
    return Nose(
        width=number(draws.normal(width, 0.006)),
        length=number(draws.normal(np.where(big, 0.29, 0.24), 0.015)),
    )


def _draw_mouth(draws: Draws, labels: Labels, skin: NDArray[np.float64]) -> Mouth:
    bare = blend(skin, LIP_RED, draws.uniform(0.25, 0.6))
    fullness = _of_group("lips", labels) * _of_gender(labels, 0.044, 0.036)
    return Mouth(
        width=number(draws.normal(0.215, 0.014)),
        fullness=number(draws.normal(fullness, 0.004)),
        colour=colour(blend(bare, LIPSTICK, draws.uniform(0, _of_gender(labels, 0.6, 0.0)))),
    )


def _draw_frame(draws: Draws) -> Frame:
    return Frame(
        width=number(draws.uniform(0.155, 0.19)),
        height=number(draws.uniform(0.10, 0.15)),
        thickness=number(draws.uniform(0.012, 0.028)),
        colour=colour(np.outer(draws.uniform(0.03, 0.4), (1.0, 0.8, 0.7))),
    )
