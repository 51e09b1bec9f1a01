"""The controls by which a reader chooses; each is kept in the address."""

from collections.abc import Iterable, Sequence
from typing import get_args

import streamlit as st

from ..schemas import PUBLIC_SPLITS, LeaderboardRow, Setting, Track
from .choice import Checked, Choice, Images, images_of
from .ranking import LOSSES
from .record import attacks

ANY = "any"


def choose(rows: Sequence[LeaderboardRow]) -> Choice:
    """Let the reader choose what is shown, and which attacks count."""
    scored_tracks = {row.report.track for row in rows}
    tracks = [str(track) for track in Track if track in scored_tracks]
    track = Track(segments("Track", "track", tracks, default=tracks[0]))
    scored = [row for row in rows if row.report.track is track]
    datasets = sorted({row.dataset for row in scored})
    dataset = segments("Dataset", "dataset", datasets, default=datasets[0])
    of_dataset = [row for row in scored if row.dataset == dataset]
    found = {row.report.split for row in of_dataset}
    splits = [split for split in PUBLIC_SPLITS if split in found]
    split = segments("Split", "split", splits, default=splits[-1])
    layers = {row.split_index: row.split_layer for row in of_dataset}
    layer = select_any("Split layer", "layer", [layers[index] for index in sorted(layers)])
    images = select_any("Images", "images", sorted({images_of(row) for row in of_dataset}))
    points = [f"{100 * loss:g}" for loss in LOSSES]
    allowed = segments("Utility loss of at most … points", "loss", points, default=points[-1])
    st.markdown("**Which attacks count**")
    tried = attacks(of_dataset, track)
    settings = {row.report.setting for row in tried}
    setting = select_any("The attacker knows", "knows", [s for s in Setting if s in settings])
    checked = select_any("Checked by the organiser", "checked", get_args(Checked))
    budgets = sorted({row.report.auxiliary_records for row in tried})
    budget = select_any("Auxiliary records of at most", "budget", map(str, budgets))
    return Choice(
        track=track,
        dataset=dataset,
        split=split,
        allowed_loss=float(allowed) / 100,
        split_layer=layer,
        setting=None if setting is None else Setting(setting),
        checked=next((one for one in get_args(Checked) if one == checked), None),
        budget=None if budget is None else int(budget),
        images=next((one for one in get_args(Images) if one == images), None),
    )


def segments(label: str, key: str, options: Sequence[str], default: str) -> str:
    """Offer a few options side by side; one is always chosen, and the URL keeps which."""
    return st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params"
    )


def select(label: str, key: str, options: Sequence[str]) -> str:
    """Offer many options in a list, the first by default; the URL keeps the choice."""
    return st.selectbox(label, options, key=key, bind="query-params")


def select_any(label: str, key: str, options: Iterable[str]) -> str | None:
    """Offer to choose one of the options, or any; None is any."""
    chosen = select(label, key, [ANY, *map(str, options)])
    return None if chosen == ANY else chosen
