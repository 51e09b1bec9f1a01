"""Draw synthetic faces, back to front: wall, body, head, features, hair, glasses, then light."""

import numpy as np
from numpy.typing import NDArray

from ._canvas import Canvas, box, ellipse, stroke, wave
from ._face_people import Eyes, Frame, Hair, Head, Mouth, Nose, People
from ._face_shots import Expression, Light, Scene, Shots
from ._face_traits import Numbers, colour

EYES, EARS, NOSE, MOUTH = -0.09, 0.03, 0.19, 0.44  # heights in head coordinates
BLACK, WHITE = colour([[0.0, 0.0, 0.0]]), colour([[0.95, 0.94, 0.92]])
THROAT, TEETH = colour([[0.28, 0.07, 0.08]]), colour([[0.94, 0.92, 0.86]])
ROSE = colour([[0.85, 0.32, 0.30]])


def draw(people: People, shots: Shots, size: int, noise: Numbers) -> NDArray[np.uint8]:
    """Draw N images (N, size, size, 3), one per person and shot.

    `noise` (N, 3, size, size) is the sensor's, standard normal. Every operation is per pixel, so
    that an image is the same to the last bit in a batch of any size.
    """
    canvas = Canvas(size, shots.pose)
    _draw_wall(canvas, shots.scene)
    _draw_long_hair(canvas, people.hair, people.head)
    _draw_body(canvas, people.head, shots.scene)
    _draw_head(canvas, people.head)
    # the features lie before the head and move further when it turns
    u, v = canvas.u - shots.pose.turn, canvas.v - shots.pose.nod
    _draw_skin(canvas, people.head, shots.expression, u, v)
    _draw_beard(canvas, people, u, v)
    _draw_mouth(canvas, people.mouth, shots.expression, u, v - MOUTH)
    _draw_nose(canvas, people.nose, people.head.skin, u, v)
    _draw_eyes(canvas, people, shots.expression, u, v - EYES)
    _draw_brows(canvas, people.eyes, people.hair.colour, u, v - EYES)
    _draw_hair(canvas, people.hair, people.head, canvas.u - 0.5 * shots.pose.turn)
    _draw_glasses(canvas, people, shots.expression.glasses, u, v - EYES)
    _expose(canvas, shots.light, noise)
    return canvas.levels()


def _draw_wall(canvas: Canvas, scene: Scene) -> None:
    canvas.rgb[:] = scene.wall
    along = np.cos(scene.angle) * canvas.x + np.sin(scene.angle) * canvas.y
    canvas.paint(scene.wall_end, np.clip(0.5 + 0.5 * along, 0, 1))
    blob = ellipse(canvas.x - scene.blob_x, canvas.y - scene.blob_y, 1.0, 1.0)
    canvas.paint(scene.blob, 0.7 * canvas.cover(blob + 1 - scene.blob_size, 0.25))


def _draw_long_hair(canvas: Canvas, hair: Hair, head: Head) -> None:
    """Long hair falls behind the face; short hair has no length."""
    width = head.width + hair.volume * (1 + 0.4 * hair.curl)
    middle = 0.5 * (hair.length - 0.3)
    fall = box(canvas.u, canvas.v - middle, width, middle + 0.45, corner=0.3)
    shown = canvas.cover(fall - _frizz(canvas, hair)) * (hair.length > 0)
    canvas.paint(0.72 * hair.colour, shown)


def _draw_body(canvas: Canvas, head: Head, scene: Scene) -> None:
    neck = np.maximum(np.abs(canvas.u) - 0.62 * head.width, 0.4 - canvas.v)
    canvas.paint(0.80 * head.skin, canvas.cover(neck))
    canvas.paint(scene.clothes, canvas.cover(ellipse(canvas.u, canvas.v - 1.42, 1.05, 0.54)))
    canvas.paint(0.80 * head.skin, canvas.cover(ellipse(canvas.u, canvas.v - 0.93, 0.40, 0.13)))


def _outline(canvas: Canvas, head: Head) -> Numbers:
    """Distance to the head: an ellipse that narrows towards the chin."""
    below = np.clip(canvas.v / head.height, 0, 1)
    return ellipse(canvas.u, canvas.v, head.width * (1 - head.taper * below * below), head.height)


def _draw_head(canvas: Canvas, head: Head) -> None:
    """Ears, and a face that curves away into shade at its rim."""
    ears = ellipse(np.abs(canvas.u) - head.width, canvas.v - EARS, 0.065, 0.13)
    canvas.paint(0.86 * head.skin, canvas.cover(ears))
    outline = _outline(canvas, head)
    face = canvas.cover(outline)
    canvas.paint(head.skin, face)
    rim = np.clip(1 + outline / 0.22, 0, 1)
    canvas.paint(0.6 * head.skin, 0.45 * rim * rim * face)


def _draw_skin(canvas: Canvas, head: Head, expression: Expression, u: Numbers, v: Numbers) -> None:
    """Blush, the folds beside a smile, and the wrinkles of age."""
    side, fold_v = np.abs(u), v - 0.32
    blush = canvas.cover(ellipse(side - 0.33, v - 0.22, 0.15, 0.11), 0.16)
    canvas.paint(ROSE, 0.5 * head.blush * blush)
    dark, raised = 0.55 * head.skin, np.maximum(expression.smile, 0)
    fold = stroke(fold_v, side - 0.235 - 0.35 * fold_v - 0.4 * raised, 0.15, 0.02)
    canvas.paint(dark, (0.3 * head.wrinkles + 2 * raised) * canvas.cover(fold, 0.05))
    bags = stroke(side - 0.235, v - EYES - 0.10, 0.09, 0.016)
    canvas.paint(dark, 0.45 * head.wrinkles * canvas.cover(bags, 0.04))
    lines = stroke(u, 0.06 * (wave((v + 0.5) / 0.09) - 0.5), 0.32, 0.012)
    lines = np.maximum(lines, np.abs(v + 0.42) - 0.10)
    canvas.paint(dark, 0.5 * head.wrinkles * canvas.cover(lines, 0.03))


def _draw_beard(canvas: Canvas, people: People, u: Numbers, v: Numbers) -> None:
    """Cover the lower face up to a line that rises to the ears, and leave the mouth free."""
    mouth = ellipse(u, v - MOUTH, 1.02 * people.mouth.width, 0.075)
    line = 0.30 - 0.9 * np.maximum(np.abs(u) - 0.25, 0)
    beard = np.maximum(np.maximum(_outline(canvas, people.head), line - v), -mouth)
    canvas.paint(0.9 * people.hair.colour, people.hair.beard * canvas.cover(beard, 0.07))


def _draw_mouth(
    canvas: Canvas, mouth: Mouth, expression: Expression, u: Numbers, v: Numbers
) -> None:
    """Draw lips along a parabola that a smile bends upwards, around an opening with teeth."""
    width = mouth.width * (1 + 1.4 * np.maximum(expression.smile, 0))
    along = (u / width) ** 2
    bent, ends = v + expression.smile * (along - 0.45), np.abs(u) - width
    room = np.maximum(1 - along, 0)
    half = expression.opening * room
    lips = np.maximum(-bent - mouth.fullness * room, bent - 1.35 * mouth.fullness * room) - half
    canvas.paint(mouth.colour, canvas.cover(np.maximum(lips, ends)))
    inside = canvas.cover(np.maximum(np.abs(bent) - np.maximum(half, 0.006), ends))
    canvas.paint(THROAT, inside)
    teeth = np.maximum(bent + 0.15 * half, np.abs(u) - 0.85 * width)
    canvas.paint(TEETH, inside * canvas.cover(teeth) * (expression.opening > 0))


def _draw_nose(canvas: Canvas, nose: Nose, skin: Numbers, u: Numbers, v: Numbers) -> None:
    """Draw a ridge with a shaded side, a tip between wings, and nostrils."""
    side, from_tip = np.abs(u), v - NOSE - nose.length + 0.24
    ridge = stroke(v - 0.05, u + 0.055 - 0.03 * (v - EYES), 0.20, 0.030)
    canvas.paint(0.62 * skin, 0.55 * canvas.cover(ridge, 0.06))
    base = ellipse(u, from_tip - 0.020, nose.width + 0.022, 0.062)
    canvas.paint(0.70 * skin, 0.75 * canvas.cover(base, 0.035))
    wings = ellipse(side - 0.55 * nose.width, from_tip, 0.5 * nose.width, 0.052)
    canvas.paint(0.94 * skin, canvas.cover(wings, 0.03))
    tip = ellipse(u, from_tip + 0.008, 0.62 * nose.width, 0.066)
    canvas.paint(1.05 * skin, canvas.cover(tip, 0.05))
    nostrils = ellipse(side - 0.48 * nose.width, from_tip - 0.040, 0.026, 0.014)
    canvas.paint(0.25 * skin, 0.9 * canvas.cover(nostrils, 0.02))


def _draw_eyes(
    canvas: Canvas, people: People, expression: Expression, u: Numbers, v: Numbers
) -> None:
    """Draw almonds with an iris that may look aside, under a line of lashes."""
    eyes, outwards = people.eyes, np.sign(u)
    across = np.abs(u) - eyes.distance
    v = v + eyes.tilt * across
    socket = ellipse(across, v + 0.03, 1.35 * eyes.width, 0.105)
    canvas.paint(0.72 * people.head.skin, 0.40 * canvas.cover(socket, 0.09))
    room = np.maximum(1 - (across / eyes.width) ** 2, 0)
    half, ends = eyes.height * expression.squint * room, np.abs(across) - eyes.width
    almond = canvas.cover(np.maximum(np.abs(v) - half, ends))
    canvas.paint(WHITE, almond)
    aside = across - expression.gaze * outwards
    from_iris = np.sqrt(aside * aside + v * v)
    canvas.paint(eyes.iris, almond * canvas.cover(from_iris - 0.060))
    canvas.paint(BLACK, almond * canvas.cover(from_iris - 0.025))
    glint = ellipse(aside + 0.02 * outwards, v + 0.022, 0.013, 0.013)
    canvas.paint(WHITE, almond * canvas.cover(glint))
    lid = np.maximum(np.abs(v + half) - eyes.lashes * (0.4 + room), ends - 0.01)
    canvas.paint(0.25 * people.hair.colour, 0.9 * canvas.cover(lid))


def _draw_brows(canvas: Canvas, eyes: Eyes, hair: Numbers, u: Numbers, v: Numbers) -> None:
    across = np.abs(u) - eyes.distance - 0.01
    bend = eyes.brow_tilt * across + eyes.brow_arch * across * across - 0.01
    brow = stroke(across, v + eyes.brow_height + bend, 0.155, eyes.brow_thickness)
    canvas.paint(0.7 * hair, 0.9 * canvas.cover(brow))


def _draw_hair(canvas: Canvas, hair: Hair, head: Head, u: Numbers) -> None:
    """Draw hair over the skull, down to a hairline that falls along the temples to the ears."""
    aside = u / head.width
    parted = aside - hair.part
    line = hair.line + hair.arch * parted**2 + 0.5 * aside**4
    steep = (2 * hair.arch * parted + 2 * aside**3) / head.width
    above = (canvas.v - line) / np.sqrt(1 + steep**2)
    cropped = np.maximum(np.clip(0.1 - 2.2 * canvas.v, 0.1, 1), hair.length > 0)
    crown = _outline(canvas, head) - cropped * hair.volume - _frizz(canvas, hair)
    lowest = canvas.v - np.maximum(0.7 * hair.length, 0.06)
    shown = canvas.cover(np.maximum(np.maximum(crown, above), lowest))
    canvas.paint(hair.colour * _strands(canvas, hair, parted)[:, None], shown)
    gloss = canvas.cover(ellipse(parted, canvas.v + 0.62, 0.55, 0.10), 0.16)
    canvas.paint(WHITE, 0.10 * shown * gloss)


def _strands(canvas: Canvas, hair: Hair, parted: Numbers) -> Numbers:
    """Brightness of the hair: strands from the parting, wavy where they curl, lit from above."""
    bend = hair.curl * wave(3 * canvas.v + 2 * parted)
    coarse = wave(7 * parted + 1.5 * canvas.v + bend)
    fine = wave(17 * parted - 4 * canvas.v + 2 * bend)
    from_above: Numbers = np.clip(-canvas.v - 0.45, 0, 0.4)
    return 0.80 + 0.10 * (coarse + fine) + 0.5 * from_above


def _frizz(canvas: Canvas, hair: Hair) -> Numbers:
    """How far curls stand out from the outline of the hair."""
    ripple = wave(5.5 * canvas.u + 2 * canvas.v) + wave(5.5 * canvas.v - 2 * canvas.u)
    return 0.05 * hair.curl * ripple


def _draw_glasses(canvas: Canvas, people: People, worn: Numbers, u: Numbers, v: Numbers) -> None:
    """Draw lenses with a faint glare, their rims, a bridge, and arms to the ears."""
    frame: Frame = people.frame
    across = np.abs(u) - people.eyes.distance - 0.005
    lens = box(across, v - 0.01, frame.width, frame.height, corner=0.07)
    canvas.paint(WHITE, 0.10 * worn * canvas.cover(lens))
    bridge = np.maximum(np.abs(v + 0.02) - frame.thickness, np.abs(u) - 0.09)
    arms = np.maximum(np.abs(v + 0.03) - frame.thickness, frame.width - across)
    arms = np.maximum(arms, np.abs(canvas.u) - people.head.width - 0.02)
    wire = np.minimum(np.minimum(np.abs(lens) - frame.thickness, bridge), arms)
    canvas.paint(frame.colour, worn * canvas.cover(wire))


def _expose(canvas: Canvas, light: Light, noise: Numbers) -> None:
    """Light the scene from one side, and take the picture."""
    balance = np.concatenate([1 + light.warmth, 1 + 0 * light.warmth, 1 - light.warmth], axis=1)
    canvas.rgb *= (1 + light.x * canvas.u + light.y * canvas.v)[:, None]
    canvas.rgb *= (light.exposure * balance)[..., None]
    canvas.rgb -= 0.5
    canvas.rgb *= light.contrast[:, None]
    canvas.rgb += 0.5
    canvas.rgb += light.noise[:, None] * noise
