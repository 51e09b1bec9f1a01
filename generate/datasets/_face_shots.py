"""How one image of a person was taken: expression, pose, light and surroundings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._draws import Draws, Keys, Stream
from ._face_labels import Labels
from ._face_traits import Numbers, Traits, colour, number


@dataclass(frozen=True)
class Expression(Traits):
    """`smile` lifts the corners of the mouth, `opening` parts the lips; `glasses` is 0 or 1."""

    smile: Numbers
    opening: Numbers
    squint: Numbers
    gaze: Numbers
    glasses: Numbers


@dataclass(frozen=True)
class Pose(Traits):
    """Where the head is in the image; `turn` and `nod` move the features over the head."""

    shift_x: Numbers
    shift_y: Numbers
    scale: Numbers
    roll: Numbers
    turn: Numbers
    nod: Numbers


@dataclass(frozen=True)
class Light(Traits):
    """Where light comes from, and what the camera makes of it; `noise` is the sensor's."""

    x: Numbers
    y: Numbers
    exposure: Numbers
    warmth: Numbers
    contrast: Numbers
    noise: Numbers


@dataclass(frozen=True)
class Scene(Traits):
    """Clothes, a wall that changes colour along `angle`, and a blob before it."""

    clothes: Numbers
    wall: Numbers
    wall_end: Numbers
    angle: Numbers
    blob: Numbers
    blob_x: Numbers
    blob_y: Numbers
    blob_size: Numbers


@dataclass(frozen=True)
class Shots(Traits):
    """N images."""

    expression: Expression
    pose: Pose
    light: Light
    scene: Scene


def draw_shots(keys: Keys, rows: Sequence[int], labels: Labels) -> Shots:
    """Draw how the images at `rows` were taken; `labels`, (N,) each, are those of these rows."""
    draws = Draws(keys, Stream.SHOT, rows)
    return Shots(
        expression=_draw_expression(draws, labels),
        pose=_draw_pose(draws),
        light=_draw_light(draws),
        scene=_draw_scene(draws),
    )


def _draw_expression(draws: Draws, labels: Labels) -> Expression:
    smiling = labels["smiling"] == 1
    return Expression(
        smile=number(draws.normal(np.where(smiling, 0.112, 0.005), 0.021)),
        opening=number(labels["mouth_open"] * draws.normal(0.062, 0.014).clip(0.03)),
        squint=number(draws.normal(np.where(smiling, 0.84, 1.0), 0.09).clip(0.5, 1.2)),
        gaze=number(draws.normal(0, 0.018)),
        glasses=number(labels["glasses"]),
    )


def _draw_pose(draws: Draws) -> Pose:
    return Pose(
        shift_x=number(draws.normal(0, 0.05)),
        shift_y=number(draws.normal(0.02, 0.04)),
        scale=number(draws.normal(1, 0.05)),
        roll=number(draws.normal(0, 0.09)),
        turn=number(draws.normal(0, 0.05)),
        nod=number(draws.normal(0, 0.025)),
    )


def _draw_light(draws: Draws) -> Light:
    return Light(
        x=number(draws.normal(0, 0.22)),
        y=number(draws.normal(-0.08, 0.10)),
        exposure=number(draws.normal(1, 0.13).clip(0.6, 1.4)),
        warmth=number(draws.normal(0, 0.05)),
        contrast=number(draws.normal(1, 0.08).clip(0.7, 1.3)),
        noise=number(draws.uniform(0.008, 0.022)),
    )


def _draw_scene(draws: Draws) -> Scene:
    return Scene(
        clothes=colour(_any_colour(draws)),
        wall=colour(_any_colour(draws)),
        wall_end=colour(_any_colour(draws)),
        angle=number(draws.uniform(0, 2 * np.pi)),
        blob=colour(_any_colour(draws)),
        blob_x=number(draws.uniform(-1, 1)),
        blob_y=number(draws.uniform(-1, 0.6)),
        blob_size=number(draws.uniform(0.15, 0.7)),
    )


def _any_colour(draws: Draws) -> NDArray[np.float64]:
    """Draw (N, 3) colours: a grey, and a tint that may be strong or hardly there."""
    grey, strength = draws.uniform(0.15, 0.85), draws.uniform(0.0, 0.35)
    tint = np.stack([draws.uniform(-1, 1), draws.uniform(-1, 1), draws.uniform(-1, 1)], axis=1)
    return np.asarray(grey[:, None] + strength[:, None] * tint)
