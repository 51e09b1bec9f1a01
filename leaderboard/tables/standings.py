"""Columns of the table of where defenses stand, and the answer that it gives in a sentence."""

from collections.abc import Sequence

from ...schemas import ClientCost, Track
from ...schemas.base import shortened
from ...schemas.records import QUERIES
from ..ranking.health import UNDEFENDED
from ..ranking.standing import SEEDS, Group, Standing
from .table import FLOOR, INTERVAL, MEASURE, Column, beside

NAMED = 5  # defenses that are named; of more only the number is said

PLACE_COLUMNS: tuple[Column[Standing], ...] = (
    Column(
        "Rank",
        "Place by worst-case leakage, least first; defenses that the data do not separate "
        f"share places. Provisional with fewer than {SEEDS} seeds.",
        lambda s: _rank(s),
    ),
    Column(
        "Defense",
        "What changes the activation before it is sent; leads to all about it.",
        lambda s: s.defense,
        page="defense",
        chosen=lambda s: {"defense": s.name},
    ),
    Column("Options", "The defense's options.", lambda s: s.options),
)

RECORD_COLUMNS: tuple[Column[Standing], ...] = (
    Column(
        "Strongest attack",
        "The attack that holds the record. Over several seeds there may be several: the link "
        "leads to the first.",
        lambda s: ", ".join(s.attacks) or None,
        page="attack",
        chosen=lambda s: {"attack": s.attacks[0], "defense": s.name} if s.attacks else {},
    ),
    Column(
        "Attacked by",
        "How many of the attacks that any defense here faced were made on every attacked "
        "training run of this one. A defense that faced few looks better than it is.",
        lambda s: f"{s.faced} of {s.known}",
    ),
    Column("Since", "When the record was last raised, in UTC.", lambda s: s.since),
    Column(
        "Chosen on",
        "The images that chose the strongest attack. Where they are those it is reported on, "
        "the best of many looks stronger than it is.",
        lambda s: ", ".join(s.chosen_on) or None,
    ),
)

COST_COLUMNS: tuple[Column[Standing], ...] = (
    Column(
        "Client MFLOPs ↓",
        "Millions of floating-point operations on the device for one image, defense included; "
        "only convolutions and matrix products are counted. Less is better.",
        lambda s: round(s.cost.client_flops / 1e6, 2),
    ),
    Column(
        "Task network MFLOPs",
        "Those of the server, to compare with: a defense can cost as much as the whole task.",
        lambda s: round(s.cost.task_network_flops / 1e6, 2),
    ),
    Column(
        "Client parameters ↓",
        "Numbers that the device must hold, defense included. Less is better.",
        lambda s: s.cost.client_parameters,
    ),
    Column(
        "Bytes sent ↓",
        "For one image, as float16; then compressed alone (zstd), mean over 256 images of each "
        "release. Less is better.",
        lambda s: _sent(s.cost),
    ),
)


def standing_columns(
    group: Group, track: Track, standings: Sequence[Standing]
) -> list[Column[Standing]]:
    """The columns of a group's ranking, with one for each anchor that was scored."""
    return [
        *PLACE_COLUMNS,
        Column(
            "Worst-case leakage ↓",
            f"What the strongest attack reads: {MEASURE[track]}. {INTERVAL} Less is better.",
            lambda s: s.leakage,
        ),
        *_repeated_columns(track, standings),
        Column(
            "Utility ↑",
            f"Accuracy of the task network on {group.task}, {group.split} split. {INTERVAL} "
            "More is better.",
            lambda s: s.utility,
        ),
        Column(
            "Loss ↓",
            "Utility lost against the undefended network, in points of accuracy. Less is better.",
            lambda s: None if s.loss is None else round(100 * s.loss, 2),
        ),
        *RECORD_COLUMNS,
        Column(
            "Worst case per image ↓",
            "What an attacker reads who knows which attack suits which image. First where it is "
            "chosen on the other seeds (an estimate from below), then where it is chosen with "
            f"hindsight (a bound from above): {MEASURE[track]}. {INTERVAL} Less is better.",
            _per_image,
        ),
        Column(
            "Seeds",
            f"Training runs that were attacked, of the {SEEDS} that a rank needs.",
            lambda s: f"{len(s.seeds)} of {SEEDS}",
        ),
        *_floor_columns(standings),
        *COST_COLUMNS,
        Column("Notes", "Why there is no rank, and reasons to doubt the record.", _notes, True),
        *_anchor_columns(track, standings),
        Column(
            "Split layer",
            "The last block on the device, and its index.",
            lambda _: f"{group.split_layer} ({group.split_index})",
        ),
        Column("Scale", "How much training stands behind it.", lambda _: group.scale),
    ]


def answer(standings: Sequence[Standing]) -> str:
    """Say in a sentence which defenses leak least, and what the undefended network leaks."""
    leaders = [standing for standing in standings if standing.rank and standing.rank.best == 1]
    if not leaders:
        return "No defense is ranked here; the notes say why."
    undefended = [s for s in standings if s.rank and s.defense == UNDEFENDED and s not in leaders]
    sentences = [f"Least worst-case leakage: {_named(leaders)}."]
    if len(leaders) > 1:
        sentences.append("The data do not separate them.")
    spared = [f"{s.name} (by {s.faced} of {s.known})" for s in leaders if s.faced < s.known]
    if spared:
        sentences.append(f"Not every attack was made on every run: {shortened(spared, NAMED)}.")
    if again := [f"{s.name} ({s.repeated})" for s in leaders if s.repeated]:
        sentences.append(f"Asked {QUERIES} times about an image: {shortened(again, NAMED)}.")
    if undefended:
        sentences.append(f"Undefended: {_named(undefended)}.")
    return " ".join(sentences)


def _named(standings: Sequence[Standing]) -> str:
    names = [f"{standing.name} ({standing.leakage})" for standing in standings]
    return shortened(names, NAMED)


def _repeated_columns(track: Track, standings: Sequence[Standing]) -> list[Column[Standing]]:
    """What asking again gives away, where any defense answers differently each time."""
    if not any(standing.repeated for standing in standings):
        return []
    return [
        Column(
            f"Asked {QUERIES} times ↓",
            "What the strongest attack that sees all answers reads of the images that a random "
            f"defense was asked about {QUERIES} times: {MEASURE[track]}. {INTERVAL} Other images "
            "are asked about once, and the rank is over all. A defense that answers always alike "
            "gives away as much either way, so beside this stands its worst case. Less is better.",
            lambda standing: standing.repeated,
        )
    ]


def _floor_columns(standings: Sequence[Standing]) -> list[Column[Standing]]:
    """The bounds beside the record holder, where they were measured for any."""
    if not any(standing.floors for standing in standings):
        return []
    return [
        Column(
            "Error beside floor",
            "Root mean square error of the strongest attack, in grey levels, and the floor that no "
            f"attacker without prior knowledge goes below. {FLOOR} Over several seeds: of the one "
            "that comes nearest to its floor.",
            lambda standing: beside(standing.floors),
            True,
        )
    ]


def _anchor_columns(track: Track, standings: Sequence[Standing]) -> list[Column[Standing]]:
    names = dict.fromkeys(name for standing in standings for name in standing.anchors)
    return [_anchor_column(name, track) for name in names]


def _anchor_column(name: str, track: Track) -> Column[Standing]:
    return Column(
        f"Anchor: {anchor_label(name)}",
        f"A yardstick on the same images, not an attack: {MEASURE[track]}. {INTERVAL}",
        lambda standing: standing.anchors.get(name),
    )


def anchor_label(name: str) -> str:
    """Write an anchor's name for people.

    >>> anchor_label("task_output")
    'task output'
    """
    return name.replace("_", " ")


def _per_image(standing: Standing) -> str | None:
    worst = standing.per_image
    if worst is None:
        return None
    below = f"{worst.at_least}, " if worst.at_least else ""
    return f"{below}at most {worst.at_most}"


def _sent(cost: ClientCost) -> str:
    compressed = cost.compressed_bytes_sent
    return f"{cost.bytes_sent:,}" + ("" if compressed is None else f", {compressed:,.0f} zstd")


def _rank(standing: Standing) -> str:
    if standing.rank is None:
        return "not ranked"
    return f"{standing.rank} (provisional)" if standing.provisional else str(standing.rank)


def _notes(standing: Standing) -> str | None:
    reasons = [standing.unranked] if standing.unranked else []
    return "; ".join([*reasons, *standing.flags]) or None
